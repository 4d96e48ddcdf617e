"""English verdict phrases: a small strict grammar, so that what it does not understand is no verdict."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .verdict import AMBIGUOUS, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

Polarity = bool | Unreadable
"""True, False, or `AMBIGUOUS`: half a verdict, a double negation, a contradiction."""


class Phrase(NamedTuple):
    """One verdict phrase and where it stood in the text that was read."""

    polarity: Polarity
    raw: str
    start: int
    end: int


_YES = (
    "true", "yes", "yep", "yeah", "correct", "right", "accurate", "equivalent", "equal", "equals", "identical",
    "same", "consistent", "valid", "match", "matches", "matched", "matching", "agree", "agrees", "coincide",
    "pass", "passes", "passed", "accept", "accepted", "acceptable", "approved", "y",
)  # fmt: skip
_NO = (
    "false", "no", "nope", "incorrect", "wrong", "inaccurate", "inequivalent", "non equivalent",
    "nonequivalent", "unequal", "different", "differ", "inconsistent", "invalid", "mismatch", "mismatched",
    "fail", "fails", "failed", "reject", "rejected", "untrue", "erroneous", "no match", "not attempted",
    "absolutely not", "definitely not", "certainly not", "of course not", "not really", "not even close", "n",
)  # fmt: skip
_POLARITY = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_WORD = "|".join(sorted(_POLARITY, key=len, reverse=True)).replace(" ", "[ -]")

_NOT = (
    r"not|never|hardly|barely|far from|neither|no longer|in no way|by no means|(?:is|are|was|were|do|does|did)n't"
    r"|(?:do|does|did) not|ain't|can(?:no|')t(?: be)?|can not(?: be)?|fail(?:s|ed)? to|without"
)
_WHOLLY = (
    r"completely|fully|entirely|quite|really|exactly|mathematically|semantically|factually|numerically|strictly"
    r"|totally|absolutely|definitely|clearly|certainly|indeed|essentially|substantially|perfectly|at all|also"
    r"|logically|functionally|exact|both|all|very|simply|plainly|therefore|thus|hence|actually|just"
)
_PARTLY = r"part(?:ial)?ly|mostly|nearly|almost|somewhat|largely|half|roughly|basically|generally|more or less"
_OWNER = (
    r"the|this|that|these|those|their|its|his|her|both|two|final|given|predicted|provided|extracted|stated|numeric"
    r"|(?:student|model|candidate|assistant|user|system|ai)(?:'s|s)?|submitted|generated|proposed|overall|all|my"
)
_SUBJECT = (
    r"answers?|responses?|solutions?|results?|they|it|both|expressions?|values?|predictions?|outputs?|submissions?"
    r"|statements?|forms?|numbers?|this|that|two|sets?|claims?|candidate|strings?|names?|dates?|equations?"
)
_COPULA = (
    r"(?:is|are|was|were|looks?|seems?|appears?)(?: to be)?|'s|'re"
    r"|(?:(?:is|are|was|were|can|could|should|must) )?(?P<unable>not |cannot |can't |couldn't )?"
    r"(?:be )?(?:considered|regarded|deemed|marked|judged|counted)(?: as| to be)?"
)
_LEAD = rf"(?:(?:{_OWNER})\s+){{0,4}}(?:{_SUBJECT})(?:\s+(?:of\s+)?[\d(]\S{{0,24}})?(?:(?:\s+|(?='))(?:{_COPULA}))?\s+"
_CORE = (
    rf"(?:(?:{_WHOLLY})\s+)?(?P<nots>(?:(?:{_NOT})[\s-]+){{0,3}})(?:(?:an?|the)\s+)?(?P<how>(?:(?:{_WHOLLY}|{_PARTLY})\s+){{0,2}})"
    rf"(?:(?:an?|the)\s+)?(?P<word>{_WORD})(?:\s+(?:answer|response|solution)(?=\s*[.!]*\s*$))?"
)
_REASON = (
    r"because|since|as|due|given|with|to|based|by|from|and|but|although|though|even|despite|it|they|that's"
    r"|the(?! correct| right)|its|at all"
)
# What may follow: an end, a clause mark, a reason. "correct answer is 5", "true or false", "correct?" are none.
_AFTER = rf"(?=\s*(?:$|[.,;:!)\]}}|\n(—–，。（✓✔✅❌✗])|\s+-{{1,2}}\s|\s*[-=]>|\s+(?:{_REASON})\b)"  # noqa: RUF001

_INTRO = (
    r"(?:(?:sadly|unfortunately|regrettably|alas|well|ok|okay|hmm+)[,.]?\s+|i(?:'d| would) say[:,]?\s+(?:that\s+)?)?"
)
_HEAD = re.compile(rf"{_INTRO}(?P<lead>{_LEAD})?{_CORE}{_AFTER}")
_STATEMENT = re.compile(rf"(?<![\w'])(?P<lead>{_LEAD}){_CORE}{_AFTER}")
# A clause that is nothing but a verdict: "Yes, but actually no." Only ever evidence to the contrary.
_CLAUSE = re.compile(
    r"(?:^|[.,;:!\n(—]|\b(?:and|but|or|actually|rather|yet|wait|then)\b)\s{0,4}(?P<lead>)(?P<unable>)"
    rf"{_CORE}(?=\s*(?:$|[.,;:!\n)]))"
)
_TRUE_FALSE = re.compile(
    r"(?<![\w/|'\"(-])(?P<word>True|TRUE|False|FALSE)"
    r"(?=\s*(?:$|[.,;!)\n—])|\s(?:here|given|because|since|as|it|for|based|overall|then|and|but|in|with|to|on)\b)"
)
_ONE_PART = re.compile(_PARTLY, re.IGNORECASE)
_ONE_NOT = re.compile(rf"\b(?:{_NOT})\b", re.IGNORECASE)
# "Yes, I can help with that", "Right, let me see": manners, not verdicts.
_MANNERS = re.compile(
    r"\W{0,3}(?:sure|of course|i can|i could|i'?ll|i will|i'd|i would|let me|let's|let us|happy to|please|here)\b",
    re.IGNORECASE,
)
# "Correct the spelling" is an order; only these take an object.
_TRANSITIVE = frozenset({"match", "matches", "matched", "matching", "equals", "passes", "passed", "fails", "failed"})
_OBJECT = re.compile(r"\s+(?:the|its|that's)\b", re.IGNORECASE)
# "correct: <true/false>" is a form that nobody filled in.
_BLANK_FORM = re.compile(r"\s*[:=]\s*(?:[<\[{_]|\w{1,12}\s*(?:/|\||\bor\b))", re.IGNORECASE)
# Earlier in the same sentence, these make a statement somebody else's, a question, a condition or an order.
_NOT_MINE = re.compile(
    r"\b(?:if|whether|unless|claim\w*|says?|said|states|stated|argues|assert\w*|assum\w*|suppos\w*|thinks|believes"
    r"|might|may|unable|cannot|unclear|unsure|determine|respond|output|reply|return|asked|told|tells|instruct\w*"
    r"|either|please|whenever|not (?:clear|sure|certain|able|obvious|that|say|know|think|believe))\b"
    r"|n't (?:say|know|think|believe|tell|see|sure|clear|certain)\b"
    r"|(?:\b(?:not|never|to|returns?|prints?|set)|n't)\s*$|[:：=]\s*$",  # noqa: RUF001
    re.IGNORECASE,
)
_BESIDE_OPTION = re.compile(r"\s*[\"']?\s*(?:/|\||,|\bor\b|\band\b)\s*[\"']?(?:true|false|yes|no)\b", re.IGNORECASE)
_AFTER_OPTION = re.compile(r"\b(?:true|false|yes|no)[\"']?\s*(?:/|\||,|\bor|\band)\s*[\"']?$", re.IGNORECASE)
_THEREFORE = re.compile(r"(?=\b(?:therefore|thus|hence|consequently)\b|,\s{0,3}so\b)", re.IGNORECASE)
# A lone True has no grammar around it, so any negation near it is taken for its own.
_NEAR_NOT = re.compile(rf"(?:\b(?:{_NOT}|no|anything but|nowhere)\b|n't)[^.;:!?\n]{{0,40}}$", re.IGNORECASE)
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|conclude|conclusion|overall|finally)\b", re.IGNORECASE
)
_NEAR, _CONTEXT = 300, 200
"""Characters after a verdict that may contradict it; characters before a statement that may disown it."""


def lowercase(text: str) -> str:
    """Lower the case without moving a letter; patterns that ignore case are several times slower."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


def read_head(text: str, far: str = "") -> Phrase | None:
    """Read the verdict that opens `text`; a statement to the contrary in `text` or in `far` spoils it."""
    original, text = text, lowercase(text)
    match = _HEAD.match(text)
    if match is None or _is_not_meant(match, text[match.end() :]):
        return None
    polarity = _polarity(match)
    others = [*_others(text[match.end() : match.end() + _NEAR]), *(p.polarity for p in statements(far))]
    if any(other is not AMBIGUOUS and other != polarity for other in others):
        polarity = AMBIGUOUS
    return Phrase(polarity, original[: match.end()], 0, match.end())


def statements(text: str, start: int = 0) -> Iterator[Phrase]:
    """Find sentences that state a verdict on the answer ("the response is not correct") from `start` on."""
    for match in _STATEMENT.finditer(lowercase(text), start):
        if not _NOT_MINE.search(sentence_before(text, match.start())):
            yield Phrase(_polarity(match), text[match.start() : match.end()], match.start(), match.end())


def loose_words(text: str, start: int = 0) -> Iterator[Phrase]:
    """Find capitalised True and False that stand alone, from `start` on, in no list of options or order."""
    for match in _TRUE_FALSE.finditer(text, start):
        before = sentence_before(text, match.start())
        listed = _BESIDE_OPTION.match(text, match.end()) or _AFTER_OPTION.search(before)
        disowned = _NOT_MINE.search(before) or _NEAR_NOT.search(before)
        if not (listed or disowned or text[match.end() : match.end() + 1] == "?"):
            yield Phrase(match["word"].lower() == "true", match[0], match.start(), match.end())


def sentence_before(text: str, position: int) -> str:
    """Return what precedes `position` in its sentence, from its last "therefore" on."""
    before = _THEREFORE.split(text[max(0, position - _CONTEXT) : position])[-1]
    return before[max(before.rfind(mark) + 1 for mark in (". ", "! ", "? ", "\n", ".\n", "。", "！", "？")) :]  # noqa: RUF001


def concludes(text: str, phrase: Phrase) -> bool:
    """Say whether the sentence of `phrase` draws a conclusion up to there."""
    return _CONCLUDES.search(sentence_before(text, phrase.start)) is not None


def _polarity(match: re.Match[str]) -> Polarity:
    nots = len(_ONE_NOT.findall(match["nots"])) + bool(match["unable"])
    says = _POLARITY[match["word"].replace("-", " ")]
    if nots > 1 or (nots and not says) or _ONE_PART.search(match["how"]):
        return AMBIGUOUS
    return says and not nots


def _others(rest: str) -> Iterator[Polarity]:
    yield from (phrase.polarity for phrase in statements(rest))
    yield from (_polarity(match) for match in _CLAUSE.finditer(rest))


def _is_not_meant(match: re.Match[str], rest: str) -> bool:
    word, alone = match["word"], not (match["lead"] or match["nots"] or match["how"])
    if alone and word in {"y", "n", "right"} and rest.strip(" .!\n"):
        return True
    if word not in _TRANSITIVE and _OBJECT.match(rest):
        return True
    return alone and (_MANNERS.match(rest) or _BLANK_FORM.match(rest)) is not None
