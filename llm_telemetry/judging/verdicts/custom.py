"""A user's own parser, which overrides ours: it is what the trainer reads the judge with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .returned import returned_verdict
from .values import clean, read_grade, read_value
from .verdict import NO_VERDICT, Reading, Unreadable, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_FOUND = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What parsers raise when a text is not as they expect (`float("")`, `parts[1]`, `match.group` of no match)."""


def custom_reader(parser: str | re.Pattern[str] | Callable[[str], object]) -> Callable[[str], Reading]:
    r"""Make a reader of the user's parser; it gets the reply as it came, thoughts included.

    Args:
        parser: A regular expression, searched for once; a group named `correct` holds a binary verdict in words or
            as 1 or 0, a group named `score` a grade (`7`, `7/10`, `85%`), else the first group (or the whole match)
            holds either. Or a function from the reply to a boolean, a number, a `Verdict`, or anything else that
            `returned_verdict` reads; `None`, or an error such as a failed conversion, means "no verdict".

    Raises:
        ValueError: The expression does not compile.
        TypeError: The parser is neither an expression nor a function.
    """
    if isinstance(parser, str):
        parser = _compile(parser)
    if isinstance(parser, re.Pattern):
        return _pattern_reader(parser)
    if callable(parser):
        return _function_reader(parser)
    raise TypeError(
        f"A verdict parser is a regular expression or a function of the judge's reply, not {type(parser).__name__!r}. "
        r"Try r'Verdict: (\w+)' or lambda text: 'PASS' in text."
    )


def _compile(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ValueError(
            f"The verdict parser {expression!r} is not a regular expression ({error}). "
            "Escape literal brackets with a backslash, or give a function instead."
        ) from error


def _pattern_reader(pattern: re.Pattern[str]) -> Callable[[str], Reading]:
    if isinstance(pattern.pattern, bytes):
        raise TypeError(
            f"The verdict parser {pattern.pattern!r} matches bytes; a judge's reply is a str. Drop the b prefix."
        )

    def read(text: str) -> Reading:
        match = pattern.search(text)
        reading = None if match is None else _read_match(match)
        return _custom(NO_VERDICT if reading is None else reading)

    return read


def _read_match(match: re.Match[str]) -> Reading | None:
    named = match.groupdict()
    if named.get("correct") is not None:
        return read_value(named["correct"], "adjective")
    if named.get("score") is not None:
        return read_grade(clean(named["score"]), "score")
    groups = [group for group in match.groups() if group is not None]
    return read_value(groups[0] if groups else match[0], "binary")


def _function_reader(function: Callable[[str], object]) -> Callable[[str], Reading]:
    def read(text: str) -> Reading:
        try:
            value = function(text)
        except _NOT_FOUND:
            return NO_VERDICT
        if isinstance(value, (Verdict, Unreadable)):
            return _custom(value)
        return _custom(returned_verdict(value) or NO_VERDICT)

    return read


def _custom(reading: Reading) -> Reading:
    return reading._replace(family="custom") if isinstance(reading, Verdict) else reading
