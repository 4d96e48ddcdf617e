"""Verdicts without any mark: a reply that is one, opens with one or closes with one; and the last resort."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .language import fold
from .languages import ENGLISH
from .phrases import Phrase, concludes, is_disowned, sentence_before, statements
from .reply import Reply, touches_end
from .values import VALUE_LIMIT, clean, read_grade, read_letter, read_position, read_value, read_words
from .verdict import AMBIGUOUS, Reading, Unreadable, Verdict, binary

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: RUF001

_ALONE = 60
"""Characters of a reply or a line that may be a letter or a number and nothing else."""

_LINE = 160
"""Characters of a last line that may be a verdict with its reason."""

_TAIL, _CONTEXT = 200, 400
"""Characters at the end in which a last resort is looked for, and those that tell whether it is meant."""

_TRUE_FALSE = re.compile(
    r"(?<![\w/|'\"(-])(?P<word>True|TRUE|False|FALSE)"
    r"(?=\s*(?:$|[.,;!)\n—])|\s(?:here|given|because|since|as|it|for|based|overall|then|and|but|in|with|to|on)\b)"
)
_BESIDE_OPTION = re.compile(r"\s*[\"']?\s*(?:/|\||,|\bor\b|\band\b)\s*[\"']?(?:true|false|yes|no)\b", re.IGNORECASE)
_AFTER_OPTION = re.compile(r"\b(?:true|false|yes|no)[\"']?\s*(?:/|\||,|\bor|\band)\s*[\"']?$")
# A lone True has no grammar around it, so any negation near it is taken for its own.
_NEAR_NOT = re.compile(rf"(?:\b(?:{ENGLISH.nots}|no|anything but|nowhere)\b|n't)[^.;:!?\n]{{0,40}}$")
# "… so I checked. No.": a last sentence that is a verdict and nothing else; behind a question it answers that.
_LAST_SENTENCE = re.compile(r"(?:[^\s?？][.!…。]|[-=]>|→)\s+([^.!?\n]{1,20}[.!]{0,3})$")
_LAST_RATIO = re.compile(r"[,;:–—-]\s+(\d{1,3}(?:[.,]\d)?\s?/\s?(?:5|10|20|100))[.!]?$")
_ZERO_ONE = re.compile(r"[*`\"'\s]*[01][*`\"'\s.]*")


def read_bare(reply: Reply) -> Reading | None:
    """Read a reply that is a verdict, or whose beginning or last line is one; the two must not clash."""
    text = reply.text
    alone = _read_alone(text, reply) if "\n" not in text else None
    if alone is not None:
        return _cut(alone, reply)
    readings = [one for one in (_read_opening(text), _read_last_line(text, reply)) if one is not None]
    verdicts = [one for one in readings if isinstance(one, Verdict)]
    if len(verdicts) < len(readings) or len({one.correct for one in verdicts}) > 1:
        return AMBIGUOUS
    return _cut(verdicts[0], reply) if verdicts else None


def read_last_resort(reply: Reply) -> Reading | None:
    """Read the last statement, or the last lone True or False, of the reply's end; never confident."""
    if reply.cut:
        return None
    text = clean(reply.text[-_CONTEXT:])
    start = max(0, len(text) - _TAIL)
    found = sorted([*statements(text, start), *_loose_words(text, start)], key=lambda phrase: phrase.end)
    if not found:
        return None
    last = found[-1]
    clash = any(phrase.polarity != last.polarity for phrase in found)
    if isinstance(last.polarity, Unreadable) or (clash and not concludes(text, last)):
        return AMBIGUOUS
    return binary(last.polarity, last.raw, confident=False)


def _loose_words(text: str, start: int) -> Iterator[Phrase]:
    """Find capitalised True and False that stand alone, from `start` on, in no list of options or order."""
    for match in _TRUE_FALSE.finditer(text, start):
        before = fold(sentence_before(text, match.start()))
        listed = _BESIDE_OPTION.match(text, match.end()) or _AFTER_OPTION.search(before)
        if not (listed or is_disowned(before) or _NEAR_NOT.search(before) or text.startswith("?", match.end())):
            yield Phrase(match["word"].lower() == "true", match[0], match.start(), match.end())


def _read_alone(text: str, reply: Reply) -> Reading | None:
    """Read a short text that is a lone letter or grade; words with a reason are read as an opening."""
    if len(text) > _ALONE:
        return None
    value = clean(text)
    is_lone = read_position(value) is not None or read_grade(value, "binary", reply.scale) is not None
    return read_value(text, "binary", reply.scale) if is_lone else None


def _read_opening(text: str) -> Reading | None:
    head = clean(text[:VALUE_LIMIT])
    first = text.partition("\n")[0]
    words = read_words(head, far=clean(text[VALUE_LIMIT:][-_TAIL:]), marks=first)
    return read_letter(clean(first)) if words is None and len(first) <= _ALONE else words


def _read_last_line(text: str, reply: Reply) -> Reading | None:
    before, newline, line = text.rpartition("\n")
    sentence = _LAST_SENTENCE.search(line)
    if sentence is not None:
        lone = read_words(clean(sentence[1]))
        if lone is not None and (not isinstance(lone, Verdict) or lone.raw.strip() == clean(sentence[1]).strip(" .!")):
            return lone
    ratio = _LAST_RATIO.search(line)
    if ratio is not None:
        return read_grade(ratio[1], "score", reply.scale)
    if not (newline and before) or len(line) > _LINE:
        return None
    words = read_words(clean(line), marks=line)
    if words is not None:
        return words
    # A lone number may be the answer to the problem; which it is, only a scale or a 0 or 1 tells.
    alone = _read_alone(line, reply) if reply.scale or _ZERO_ONE.fullmatch(line) else None
    if isinstance(alone, Verdict):
        return alone._replace(confident=False)
    return read_letter(clean(line)) if len(line) <= _ALONE else None


def _cut(reading: Reading, reply: Reply) -> Reading:
    """Keep what stands before a cut, as a guess: the reply might have gone on to take it back."""
    if not reply.cut or not isinstance(reading, Verdict):
        return reading
    if touches_end(reading, reply.text) and reading.score is not None:
        return Unreadable("truncated")
    return reading._replace(confident=False)
