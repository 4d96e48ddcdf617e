"""One short value, as it stands behind a label, in a tag or in a box: words, a letter, or a grade.

A grade whose scale the text tells (`7/10`, `85%`, `(1-5): 4`, 满分10分) is taken at its word and placed linearly
between the two ends. A number alone is read on the smallest scale that can hold it (0 to 1, 0 to 10, 0 to 100); that
is a guess, so such a verdict is not `confident`, except for a fraction such as 0.85, which only fits the first.
Guessed scales begin at 0 because trainers divide by the top, and then 5 of 10 stays on their side of a threshold.
"""

from __future__ import annotations

import re
from typing import Literal

from .phrases import read_head
from .verdict import AMBIGUOUS, Reading, Unreadable, Verdict, binary, graded

# ruff: noqa: RUF001

Sort = Literal["binary", "adjective", "score", "rating", "words", "choice", "flag"]
"""What may stand here: everything; words, 0/1 and a grade whose scale is told; a grade; a grade of ten; words only;
A or B; yes or no.
"""

Meaning = Literal["binary", "score", "rating"]
"""What a bare 1 or 0 is: a verdict, the end of an untold scale, or one point of ten (`Rating: [[1]]`)."""

Scale = tuple[float, float]

VALUE_LIMIT = 400
"""Characters of a value that are looked at."""

_YES_MARKS, _NO_MARKS = "✅✔✓☑👍", "❌✗✘✖👎"
_EMOJI = range(0x1F300, 0x1FB00)
_DROP = dict.fromkeys(_EMOJI) | dict.fromkeys(
    map(ord, "*`“”«»「」『』$⭐★☆\u200b\u200c\u200d\ufeff\ufe0f" + _YES_MARKS + _NO_MARKS)
)
_CLEAN = _DROP | {ord("’"): "'", ord("‘"): "'", ord("_"): " ", ord('"'): None, ord("\xa0"): " "}
_WRAPPED = re.compile(r"\\(?:boxed|text|textbf|textit|mathrm|mathbf|texttt|mbox|fbox)\s?\{([^{}]{0,80})\}")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{(\d{1,4})\}\s?\{(\d{1,4})\}")
_OPENING = re.compile(r"(?:[\s(\[{（【#>~|$=:：]|[-—–]+(?=\s)|->)*")
_MARKUP = re.compile(r"</?(?:[bipu]|br|em|strong|div|span|li|code|pre|h[1-6])\b[^<>]{0,40}>", re.IGNORECASE)
_LOOSE_QUOTE = re.compile(r"(?<!\w)'|'(?!\w)")
_LETTER = re.compile(r"(?P<letter>[ABC])(?=\s*$|\s*[.,:;)\]\n(—（，。]|\s+-)(?:[\s:.)\]-]{1,4}(?P<gloss>.{0,60}))?")
_MARK_LETTER = re.compile(
    r"(?P<letter>[ABCIPN]|[cip](?=\W*$))(?=\s*$|\s*[.,:;)\]\n(—（，。]|\s+(?:-|because|since|as)\b)"
)
_FLAG = re.compile(
    r"(?:yes|true|1|y|是|有|да|ja|oui|sí|sim|はい|예|네|(?P<no>no|false|0|n|none|否|无|無|нет|nein|non|não|いいえ|아니요))"
    r"(?=\s*(?:$|[.,;:!)\]}\n(—，。；]|-\s)|\s+(?:because|since|as)\b)",
    re.IGNORECASE,
)
_NOUNS = "the|assistant|response|answer|model|output|candidate|option|solution|system|chatbot|summary|completion|reply"
# One of two, behind "winner" or with its noun: "response_a", "Model 2", "the second answer", "(b)".
_SIDE = re.compile(
    rf"(?P<named>(?:(?:{_NOUNS})[\s_]{{0,2}})*)\(?(?P<letter>[AB]|[12]|first|second)\b\)?(?:\s(?:{_NOUNS}))?"
    r"(?:'s \w{1,12})?(?=\W*$|\s*[.,;:)\]\n(—]|\s+(?:wins|won|because|since|as|-)(?:\s|\b)"
    r"|\s+is (?:\w{1,12} ){0,2}(?:better|best|superior|stronger|preferred)(?=\W*$|[.,;\n]| (?:than|because|since)\b))"
    r"(?!\s*(?:[/|]|or\b|and\b))",
    re.IGNORECASE,
)
_TIE = re.compile(r"(?:tie|draw)\b(?=\W*$)", re.IGNORECASE)
_VERSUS = re.compile(r"(?P<left>[AB])\s?(?P<sign>>{1,2}|<{1,2}|==?|!=|≠|=/=)\s?(?P<right>[AB])(?=\W*$)")
_MEANING: dict[Sort, Meaning] = {"score": "score", "rating": "rating"}

_NUMBER = r"(?P<value>[+-]?(?:\d{1,7}(?:\.\d{1,9}|,\d{1,2}(?!\d))?|\.\d{1,9}))"
_TOP = r"(?P<top>\d{1,5}(?:\.\d{1,3})?)"
_UNIT = r"(?:\s*(?:points?|pts|marks?|stars?|分|点|점|punkte|puntos|pontos))?"
# The table of ways to write a grade; each row is tried where the value begins.
_OUT_OF = re.compile(
    rf"{_NUMBER}{_UNIT}\s*(?:/|out of(?: an? (?:possible|maximum of|total of))?|of|von|sur|de|su|из)\s*{_TOP}"
    r"(?![\d/]|\.\d|\s+(?:would|is|was|or|to|if|seems)\b)",
    re.IGNORECASE,
)
_PERCENT = re.compile(rf"{_NUMBER}\s*(?:%|％|percent\b|per cent\b)", re.IGNORECASE)
_PLAIN = re.compile(
    rf"{_NUMBER}(?P<unit>\s*(?:points?|pts|marks?|stars?|分|点|점))?"
    r"(?=\s*$|[.!?](?:\s|$)|[,，](?!\s*\d)|\s*[;:!)\]}|\n(（。；—<]|\s+-{1,2}\s|\s+(?:because|since|as|for|due|on|and|but|with|stars?)\b)",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_RANGE = re.compile(r"(?P<low>\d{1,3}(?:\.\d)?)\s*(?:-|–|—|~|～|to|through|至|到)\s*(?P<top>\d{1,4}(?:\.\d)?)(?![\d/])")
_MAXIMUM = re.compile(rf"(?:out of|max(?:imum)?:?|of|满分[:：为]?|滿分|/)\s*{_TOP}", re.IGNORECASE)
_FULL = re.compile(r"\d{1,4}(?=(?:点|점) ?(?:満点|满点|만점))")
_SHORT = 2
"""Words of a verdict behind an adjective."""
_NEAR = 40
"""Characters after a number in which its scale may be told."""


def clean(text: str) -> str:
    """Take markup, quotes and LaTeX wrappers off a value."""
    for _ in range(2 if "\\" in text else 0):
        text = _FRACTION.sub(r"\1/\2", _WRAPPED.sub(r"\1", text))
    if "<" in text:
        text = _MARKUP.sub("", text)
    text = text.translate(_CLEAN)
    if "'" in text:
        text = _LOOSE_QUOTE.sub("", text)
    return _OPENING.sub("", text, count=1)


def read_value(text: str, sort: Sort, scale: Scale | None = None) -> Reading | None:
    """Read what opens `text`; `None` if that is no verdict. `scale` is what is known of a grade's scale."""
    text = text[:VALUE_LIMIT]
    value = clean(text)
    if sort == "flag":
        flag = _FLAG.match(value)
        return binary(flag["no"] is None, flag[0]) if flag else None
    if sort == "choice":
        return read_choice(value)
    words = read_words(value, marks=text)
    if words is not None or sort == "words":
        # "correct: the answer matches" says what is to be called correct.
        is_meant = sort != "adjective" or not isinstance(words, Verdict) or len(words.raw.split()) <= _SHORT
        return words if is_meant else None
    grade = read_grade(value, _MEANING.get(sort, "binary"), scale)
    if grade is not None and (sort != "adjective" or grade.correct is not None or grade.confident):
        return grade
    if sort == "score":
        return read_mark_letter(value)
    return read_position(value)


def read_words(value: str, far: str = "", marks: str = "") -> Reading | None:
    """Read the verdict words that open a clean `value`; `far` may contradict; `marks` may hold ✅ or ❌."""
    phrase = read_head(value, far)
    mark = read_mark(marks[: VALUE_LIMIT // 4])
    if phrase is None:
        return binary(mark, marks) if mark is not None and not re.search(r"\w", value) else None
    if isinstance(phrase.polarity, Unreadable) or mark not in (None, phrase.polarity):
        return AMBIGUOUS
    return binary(phrase.polarity, phrase.raw)


def read_mark(text: str) -> bool | None:
    """Read ✅ or ❌; `None` if there is neither, or both."""
    if text.isascii():
        return None
    yes, no = (any(mark in text for mark in marks) for marks in (_YES_MARKS, _NO_MARKS))
    return yes if yes != no else None


def read_letter(value: str) -> Verdict | None:
    """Read A, B, C, a tie, or a comparison such as A>B.

    A is correct (of two: the first wins), B is not. C is "not attempted" to some judges and a tie to others; neither
    is a success, but which it was is unknown. `raw` keeps the letter, for code that knows which judge this is.
    """
    versus = _VERSUS.match(value)
    if versus:
        return binary(_first_wins(versus), versus[0])
    if _TIE.match(value):
        return binary(False, value, confident=False)
    match = _LETTER.match(value)
    if match is None:
        return None
    gloss = read_words(match["gloss"] or "")
    if isinstance(gloss, Verdict) and gloss.correct != (match["letter"] == "A"):
        return None
    return binary(match["letter"] == "A", match["letter"], confident=match["letter"] != "C" or gloss is not None)


def read_position(value: str) -> Verdict | None:
    """Read a letter, or one of two by its noun: response B."""
    side = _SIDE.match(value)
    return read_choice(value) if side and side["named"].strip(" _") not in ("", "the") else read_letter(value)


def read_choice(value: str) -> Verdict | None:
    """Read which of two is better: A, response B, model_a, a tie, A>B."""
    side = _SIDE.match(value)
    if side is None:
        return read_letter(value)
    is_first = side["letter"].upper() in ("A", "1", "FIRST")
    return binary(is_first, "A" if is_first else "B")


def read_mark_letter(value: str) -> Verdict | None:
    """Read a letter under "grade": C, I, P (correct, incorrect, partial), or A and B, where B may be a school mark."""
    match = _MARK_LETTER.match(value)
    if match is None:
        return None
    letter = match["letter"].upper()
    if letter == "P":
        return graded(0.5, (0.0, 1.0), letter, confident=False)
    return binary(letter in "AC", letter, confident=letter in "CI")


def _first_wins(versus: re.Match[str]) -> bool:
    """Say whether the left of `A=B` stands for success: equal, or A better; `A!=B` and `B>A` do not."""
    sign = versus["sign"]
    if sign in ("=", "=="):
        return True
    better = versus["left"] if ">" in sign else versus["right"]
    return "!" not in sign and sign not in ("≠", "=/=") and better == "A"


def read_grade(text: str, meaning: Meaning, scale: Scale | None = None) -> Verdict | None:
    """Read the grade that opens `text`; `scale` is what its label says of it ("1-5", "out of 5")."""
    ratio = _OUT_OF.match(text)
    if ratio:
        top = float(ratio["top"])
        return graded(_number(ratio), scale if scale and scale[1] == top else (0.0, top), ratio[0])
    percent = _PERCENT.match(text)
    if percent:
        return graded(_number(percent), (0.0, 100.0), percent[0])
    plain = _PLAIN.match(text)
    if plain is None:
        return None
    scale = scale or told_scale(_aside(text[plain.end() : plain.end() + _NEAR]))
    if scale is None:
        return guess(plain["value"].replace(",", "."), meaning, plain[0])
    return graded(_number(plain), scale, plain[0])


def _number(match: re.Match[str]) -> float:
    return float(match["value"].replace(",", "."))


def told_scale(text: str) -> Scale | None:
    """Find a scale such as `1-5`, `0 to 10`, `out of 5` or 满分10分 in a few words."""
    if not _DIGIT.search(text):
        return None
    span = _RANGE.search(text)
    if span:
        return float(span["low"]), float(span["top"])
    full = _FULL.search(text)
    if full:
        return 0.0, float(full[0])
    top = _MAXIMUM.search(text)
    return (0.0, float(top["top"])) if top and float(top["top"]) > 0 else None


def guess(number: str, meaning: Meaning, raw: str) -> Verdict | None:
    """Read a number whose scale nobody told; on the scale that it most likely is on."""
    value = float(number)
    if value in (0.0, 1.0) and meaning == "binary" and "." not in number:
        return binary(value == 1.0, raw)
    if value == 1.0 and meaning == "rating":
        return graded(value, (0.0, 10.0), raw, confident=False)
    for top in (1.0, 10.0, 100.0):
        if value <= top:
            return graded(value, (0.0, top), raw, confident=top == 1.0 and "." in number)
    return None


def _aside(text: str) -> str:
    return text if re.match(r"\s*(?:[(（\[，,]|on |分)", text) else ""
