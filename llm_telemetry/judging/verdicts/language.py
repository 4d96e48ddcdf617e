"""What must be known of a language to read verdicts in it.

Each field of `Language` is an alternation of a regular expression, in lower case; an empty one matches nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TRADITIONAL, _SIMPLE = (
    "確錯誤對無沒準價斷評結論學為總決異違間標參數輸預測實並兩滿認請還難別聲稱設綜終給題選達幾體採點場従値応価",
    "确错误对无没准价断评结论学为总决异违间标参数输预测实并两满认请还难别声称设综终给题选达几体采点场从值应价",
)
_HAS_TRADITIONAL = re.compile(f"[{_TRADITIONAL}]")
_SIMPLER = str.maketrans(_TRADITIONAL, _SIMPLE)


def fold(text: str) -> str:
    """Lower the case and simplify Chinese characters without moving a letter.

    Patterns that ignore case are several times slower.
    """
    low = text.lower()
    if low.isascii():
        return low
    if len(low) != len(text):
        low = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return simplify(low)


def simplify(text: str) -> str:
    """Replace traditional Chinese and Japanese characters by simplified ones, so that each word is written once."""
    return text.translate(_SIMPLER) if _HAS_TRADITIONAL.search(text) else text  # to look is much faster


class Language(NamedTuple):
    """What one language says of a verdict, and around it."""

    yes: str = ""
    no: str = ""
    terse_yes: str = ""  # these are a verdict only where nothing else is said
    terse_no: str = ""
    lone: str = ""  # verdict words that nothing may follow
    nots: str = ""  # negations before a verdict word
    one_not: str = ""  # what counts as one negation among them
    none: str = ""  # before a subject, these negate what is said of it
    wholly: str = ""  # words before a verdict word that do not change it
    partly: str = ""  # words before a verdict word that halve it
    owner: str = ""  # words before the subject
    subject: str = ""  # what a verdict is about
    of: str = ""  # words behind the subject: "of the student"
    stems: str = ""  # a sentence with a subject holds one of them, plain; empty if that need not be asked
    copula: str = ""  # words between the subject and the verdict
    article: str = ""
    noun: str = ""  # words behind a verdict word that mean nothing
    intro: str = ""  # words before a phrase that mean nothing
    gap: str = ""  # characters that may not stand around a subject where no spaces part the words
    # Patterns with their own boundaries:
    reason: str = ""  # behind a verdict, it goes on to the reason
    turn: str = ""  # here a new clause may begin
    not_mine: str = ""  # before a statement: it is somebody else's, a question, a condition or an order
    concludes: str = ""  # before a statement: it is a conclusion
    praise: str = ""  # behind a lone "no": it was said to the contrary question
    blame: str = ""  # behind a lone "yes": so was it
    manners: str = ""  # behind a lone verdict word: it is none ("right, let me see")
    object: str = ""  # behind any but a transitive word: it is an order ("correct the spelling")
    transitive: str = ""
    # Names under which a verdict is filed, as labels, as keys and as tags, by what may stand there; `_` is a space too:
    prefix: str = ""  # words that may precede a label in its clause; any other ("student's", "initial") may not
    verdict: str = ""
    adjective: str = ""
    fault: str = ""  # "yes" means wrong
    grade: str = ""
    total: str = ""  # "Total: 42" may be anything, so the scale must be told
    choice: str = ""
    # These only count where none of those speaks:
    result: str = ""
    answer: str = ""
    merit: str = ""  # "yes" speaks for the answer
    vice: str = ""  # "yes" speaks against it
    aspect: str = ""  # a grade of one of several


def together(*languages: Language, **own: str) -> Language:
    """Put the words of several languages together, field by field, with simplified characters."""
    fields = zip(Language._fields, zip(*languages, strict=True), strict=True)
    return Language(**{name: simplify("|".join(filter(None, words))) for name, words in fields} | own)


_REPEATS = ("?", "*", "+", "{")


def alternatives(field: str) -> list[str]:
    """Return the alternatives of a field."""
    found, depth, start = [], 0, 0
    for position, letter in enumerate(f"{field}|"):
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and not depth:
            found.append(field[start:position])
            start = position + 1
    return found


def by_letter(field: str) -> str:
    """Write the alternatives of a field as a tree of letters: tried one by one, they take several times as long."""
    return _tree([one for word in alternatives(field) for one in _unfolded(word)]) if field else ""


def _unfolded(word: str) -> list[str]:
    """Return what a group at the beginning of an alternative stands for, each with the rest behind it."""
    if not word.startswith("(?:"):
        return [word]
    end = next(at for at in range(len(word)) if word[: at + 1].count("(") == word[: at + 1].count(")"))
    rest = word[end + 1 :]
    if rest[:1] in ("*", "+", "{"):
        return [word]
    first = [*alternatives(word[3:end]), *([""] if rest[:1] == "?" else [])]
    return [one for start in first for one in _unfolded(start + rest.removeprefix("?"))]


def _tree(words: list[str]) -> str:
    groups: dict[str, list[str]] = {}
    for word in words:
        is_plain = word[:1].isalpha() and word[1:2] not in _REPEATS
        groups.setdefault(word[0] if is_plain else "", []).append(word)
    loose = groups.pop("", [])
    own = (f"{first}(?:{_tree([one[1:] for one in ones])})" if ones[1:] else ones[0] for first, ones in groups.items())
    return "|".join([*own, *loose])
