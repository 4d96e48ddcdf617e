"""The user's own parser: an expression or a function."""

import re

import pytest

from llm_telemetry.judging.verdicts import Unreadable, Verdict, custom_reader

NO_VERDICT = Unreadable("no_verdict")


@pytest.mark.parametrize(
    ("pattern", "text", "correct"),
    [
        (r"OUTCOME=(\w+)", "… OUTCOME=yes", True),
        (r"OUTCOME=(\w+)", "… OUTCOME=FALSE", False),
        (r"(?P<note>.*) => (?P<correct>.+)", "fine => not equivalent", False),
        (r"(?P<correct>[01])$", "the bit is 1", True),
        (r"(?:pass|fail)ed", "it failed", False),
        (re.compile(r"answer: (y|n)", re.IGNORECASE), "ANSWER: n", False),
        (r"<think>(.*)</think>", "<think>correct</think> incorrect", True),
        (r"(a)?(correct)", "correct", True),
    ],
)
def test_an_expression_gives_a_binary_verdict(pattern, text, correct):
    reading = custom_reader(pattern)(text)
    assert (reading.correct, reading.family) == (correct, "custom")


@pytest.mark.parametrize(
    ("pattern", "text", "score"),
    [
        (r"(?P<score>[\d.]+/\d+)", "I say 3/4", 0.75),
        (r"quality (?P<score>\S+)", "quality 80%", 0.8),
        (r"(?P<score>0?\.\d+)", "so .25", 0.25),
        (r"total (\d+)", "total 42", 0.42),
        (r"(?P<correct>yes)?.*(?P<score>1)", "1", 1.0),
    ],
)
def test_an_expression_gives_a_score(pattern, text, score):
    reading = custom_reader(pattern)(text)
    assert (reading.correct, reading.score, reading.family) == (None, pytest.approx(score), "custom")


@pytest.mark.parametrize("text", ["", "nothing here", "OUTCOME=perhaps", "OUTCOME="])
def test_an_expression_that_finds_no_verdict(text):
    assert custom_reader(r"OUTCOME=(\w*)")(text) == NO_VERDICT


@pytest.mark.parametrize(
    ("function", "correct", "score"),
    [
        (lambda text: "PASS" in text, True, None),
        (lambda text: 0.25, None, 0.25),
        (lambda text: (False, "why"), False, None),
        (lambda text: {"correct": True}, True, None),
        (lambda text: 1, True, None),
        (lambda text: Verdict(True, None, "A", None, "bracket"), True, None),
    ],
)
def test_a_function_gives_a_verdict(function, correct, score):
    reading = custom_reader(function)("PASS")
    assert (reading.correct, reading.score, reading.family) == (correct, score, "custom")


@pytest.mark.parametrize(
    "function",
    [
        lambda text: None,
        float,
        lambda text: text.split(":")[1],
        lambda text: re.search("x", text).group(1),
        lambda text: {}["verdict"],
        lambda text: NO_VERDICT,
    ],
)
def test_a_function_that_finds_no_verdict(function):
    assert custom_reader(function)("words") == NO_VERDICT


def test_a_function_may_say_why():
    assert custom_reader(lambda text: Unreadable("ambiguous"))("words") == Unreadable("ambiguous")


def test_other_errors_of_the_function_are_not_hidden():
    def parser(text):
        raise OSError(text)

    with pytest.raises(OSError, match="disk"):
        custom_reader(parser)("disk")


def test_a_bad_expression_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"not a regular expression .*Escape literal brackets"):
        custom_reader("[(A|B)")


@pytest.mark.parametrize("parser", [None, 7, ["x"], {"correct": "x"}, b"x"])
def test_what_is_no_parser_is_refused_with_advice(parser):
    with pytest.raises(TypeError, match=r"regular expression or a function .*Try"):
        custom_reader(parser)


def test_an_expression_for_bytes_is_refused_with_advice():
    with pytest.raises(TypeError, match="Drop the b prefix"):
        custom_reader(re.compile(rb"x"))
