"""A user's own parser, which overrides ours: it is what the trainer reads the judge with."""

from __future__ import annotations

import re
from functools import partial
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
    find = partial(_search, _compile(parser)) if isinstance(parser, (str, re.Pattern)) else parser
    if not callable(find):
        raise TypeError(
            "A verdict parser is a regular expression or a function of the judge's reply, "
            rf"not {type(parser).__name__!r}. Try r'Verdict: (\w+)' or lambda text: 'PASS' in text."
        )

    def read(text: str) -> Reading:
        try:
            found = find(text)
        except _NOT_FOUND:
            return NO_VERDICT
        reading = found if isinstance(found, (Verdict, Unreadable)) else returned_verdict(found) or NO_VERDICT
        return reading._replace(family="custom") if isinstance(reading, Verdict) else reading

    return read


def _compile(expression: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ValueError(
            f"The verdict parser {expression!r} is not a regular expression ({error}). "
            "Escape literal brackets with a backslash, or give a function instead."
        ) from error
    if isinstance(pattern.pattern, bytes):
        raise TypeError(
            f"The verdict parser {pattern.pattern!r} matches bytes; a judge's reply is a str. Drop the b prefix."
        )
    return pattern


def _search(pattern: re.Pattern[str], text: str) -> Reading | None:
    match = pattern.search(text)
    if match is None:
        return None
    named = match.groupdict()
    if named.get("correct") is not None:
        return read_value(named["correct"], "adjective")
    if named.get("score") is not None:
        return read_grade(clean(named["score"]), "score")
    return read_value(next((group for group in match.groups() if group is not None), match[0]), "binary")
