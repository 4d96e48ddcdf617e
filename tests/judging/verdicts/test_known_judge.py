"""What the user says of a judge, its scale and its polarity, wins over everything that is built in."""

import pytest

from llm_telemetry.judging.verdicts import Unreadable, Verdict, read_verdict


@pytest.mark.parametrize(
    ("text", "scale", "score"),
    [
        ("7", (0, 10), 0.7), ("1", (0, 10), 0.1), ("0", (0, 10), 0.0),
        ("The proof has a gap.\n\n7", (0, 10), 0.7), ("Score: 3", (1, 5), 0.5), ("Score: 1", (1, 5), 0),
        ("Verdict: 1", (0, 2), 0.5), ("<score>250</score>", (0, 1000), 0.25), ('{"score": 3}', (1, 5), 0.5),
        ('{"score": 3, "max_score": 10}', (1, 5), 0.5), ('{"verdict": 1}', (0, 4), 0.25), ("4/5", (1, 5), 0.75),
        ("Rating: [[2]]", (0, 4), 0.5), (r"\boxed{0}", (-1, 1), 0.5), ("Score: -1", (-1, 1), 0.0), ("-1", (-1, 1), 0.0),
        ("Score: 8/10", (0, 5), 0.8), ("85%", (0, 10), 0.85), ("Overall: 3", (0, 4), 0.75),
    ],
)  # fmt: skip
def test_a_grade_is_placed_on_the_scale_of_the_judge(text, scale, score):
    reading = read_verdict(text, scale=scale)
    assert (reading.correct, reading.score) == (None, pytest.approx(score))


@pytest.mark.parametrize("text", ["Score: 12", "12", '{"score": 12}', "<score>12</score>", "Score: -1"])
def test_a_grade_beyond_the_scale_is_none(text):
    assert isinstance(read_verdict(text, scale=(0, 10)), Unreadable)


@pytest.mark.parametrize("text", ["Verdict: correct", '{"correct": true}', "yes", "[[A]]"])
def test_words_have_no_scale(text):
    assert read_verdict(text, scale=(0, 10)).correct is True


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("yes", False), ("no", True), ("Verdict: yes", False), ("1", False), ('{"verdict": "no"}', True),
        ('{"error_found": true}', False), ('{"error_found": false}', True), ("Error found: no", True),
        ('{"is_wrong": true}', False), ("Is the answer wrong? Yes", False), ("<hallucination>no</hallucination>", True),
    ],
)  # fmt: skip
def test_the_yes_of_an_inverted_judge_means_wrong_whatever_the_name_of_the_key(text, correct):
    reading = read_verdict(text, inverted=True)
    assert isinstance(reading, Verdict)
    assert reading.correct is correct


def test_a_high_grade_of_an_inverted_judge_is_bad():
    reading = read_verdict("Severity: high. Score: 8/10", inverted=True)
    assert (reading.score, reading.scale) == (pytest.approx(0.2), (0, 10))
