"""No text makes the reader raise, and none makes it slow: its work is bounded by two windows and linear scans."""

# ruff: noqa: RUF001
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_telemetry.judging.verdicts import Unreadable, Verdict, read_verdict
from tests.support.growth import assert_linear

SEEDS = [
    "<", "{", "[", "[[", "(", '"', "'", "*", "**", "_", "`", "```", "```{", "\\boxed{", "\\text{", " ",
    "\t", "\n", ": ", ". ",
    "not ", "not not not ", "is not ", "the ", "the answer ", "the answer is not ", "final ", "verdict ", "Verdict: ",
    "Verdict: not ", "Score: ", "Score: 7/", "score of ", "1", "0.", "7/", "9", "-", "<think>",
    "</think>", "<thinking>",
    "<verdict>", "<answer>yes", "<verdict>correct</verdict> or ", "[[A]] ", "[[A]] or ", '{"correct":',
    '"correct":', '{"a":[',
    "true_false: ", "True ", "True or ", "False, ", "no, ", "yes and ", "i would give this a ",
    "is it correct? ", "\u200b", "？",
    "是", "不", "不是", "答案", "答案的", "判断：", "结论", "。", "正确", "部分", "<analysis>", "correct: ", "A ", "A=",
    "die antwort ist nicht ", "la respuesta ", "no es ", "не ", "ответ ", "정답 ", "判定", "正しく", "{a:", "(a=",
    "[ ] ", "<|", "<a>", "\\frac{", "I prefer ", "response a is ", "=> ", "has_any_", "any ", "1,", "7/10, ", "```a\n",
    "💥", "\ud800",
]  # fmt: skip
FRAGMENTS = st.sampled_from(
    [*SEEDS, "correct", "incorrect", "</verdict>", "}", "]]", "\n\n", "85%", "yes", "No.", "错误", "true"]
)


@pytest.mark.parametrize("seed", SEEDS, ids=repr)
@pytest.mark.parametrize("size", [3_000, 100_000], ids=["within-the-window", "beyond-the-window"])
def test_work_grows_no_faster_than_the_text(seed, size):
    """A quadratic reader would need minutes for a megabyte."""
    assert_linear(lambda length: read_verdict((seed * (length // len(seed) + 1))[:length]), size)


@pytest.mark.parametrize("seed", [*SEEDS, "the answer is 4. ", '"a" ', "x\n"], ids=repr)
def test_work_grows_no_faster_than_reply_and_candidate(seed):
    def read(length):
        text = (seed * (length // len(seed) + 1))[:length]
        read_verdict(text, candidate=text[: length // 2])

    assert_linear(read, 2_900)


@pytest.mark.parametrize("tail", ["Verdict: correct", '{"correct": true}', "<verdict>correct</verdict>", "\nYes"])
def test_a_verdict_at_the_end_of_a_huge_reply_is_found(tail):
    assert read_verdict("step by step " * 50_000 + "\n\n" + tail).correct is True


@pytest.mark.parametrize("depth", [900, 5_000, 200_000])
def test_deep_json_is_no_verdict_and_no_crash(depth):
    assert read_verdict('{"a":' * depth + "1" + "}" * depth) == Unreadable("no_verdict")
    assert isinstance(read_verdict("[" * depth + "]" * depth), Unreadable)


def check(text, truncated):
    reading = read_verdict(text, truncated=truncated)
    if isinstance(reading, Unreadable):
        assert reading.kind in {"truncated", "unclosed_think", "no_verdict", "ambiguous"}
        return
    assert isinstance(reading, Verdict)
    assert (reading.correct is None) != (reading.score is None)
    assert (reading.scale is None) == (reading.score is None)
    assert reading.score is None or 0.0 <= reading.score <= 1.0
    assert len(reading.raw) <= 60


@given(st.text(st.characters(), max_size=400), st.booleans())
def test_any_text_has_a_reading(text, truncated):
    check(text, truncated)


@settings(max_examples=300)
@given(st.lists(FRAGMENTS, max_size=40), st.booleans())
def test_any_soup_of_verdict_pieces_has_a_reading(pieces, truncated):
    check("".join(pieces), truncated)


@given(st.text("0123456789+-./%eE ", max_size=30))
def test_any_number_after_a_label_has_a_reading(text):
    check(f"Score: {text}", truncated=False)
    check(f'{{"score": {text}}}', truncated=False)


@given(st.lists(FRAGMENTS, max_size=20))
def test_a_text_that_is_no_verdict_when_complete_is_none_when_cut(pieces):
    """A cut can only take certainty away."""
    text = "".join(pieces)
    if isinstance(read_verdict(text), Unreadable):
        assert isinstance(read_verdict(text, truncated=True), Unreadable)
