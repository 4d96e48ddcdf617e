"""Chinese verdict phrases. No spaces part the words, so a phrase must fill its clause to count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .english import Phrase, Polarity, sentence_before
from .verdict import AMBIGUOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: RUF001

_YES = (
    "正确无误", "正确", "准确", "等价", "等同", "一致", "相同", "相等", "相符", "吻合", "符合", "匹配", "通过",
    "合格", "成立", "没有错误", "没有错", "没错", "无误", "属实", "对", "是", "真",
)  # fmt: skip
_NO = ("错误", "错", "有误", "否", "假", "不同", "不等", "不符", "不合", "矛盾", "偏差", "不")
_POLARITY = dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)
_WORD = "|".join(sorted(_POLARITY, key=len, reverse=True))
_NOT = (
    r"(?!没错|没有错|不同|不等(?!价|同)|不符(?!合)|不合(?!格))(?:并|都|也|还|均|仍|完全)?"
    r"(?:不是|不能算|不能视为|不算|不够|不完全|不太|不尽|不|未能|未|没有|没能|没|非|并非|无法)(?:太|很|完全|是|算|视为)?"
)
_HOW = r"(?:(?:都|均|也|是|为|就是|完全|基本上?|大致|大体|大部分|部分|几乎|差不多|确实|同样|判定为|判为|视为|算){0,2})"
_PART = re.compile(r"基本|大致|大体|部分|几乎|差不多")
_SUBJECT = r"答案|回答|作答|解答|结果|结论|两者|二者|两式|表达式|它们|预测|输出|解法|答复|内容|数值|判断|选项|两个值"
# Nothing that negates, asks or supposes may hide in the gaps.
_GAP = r"[^，。；！？、：:或还】【,.;!?\n不未非没无否难勿别若如请错对]"
_CORE = rf"(?P<nots>(?:{_NOT}){{0,2}}?)(?P<how>{_HOW})(?P<word>{_WORD})(?:的|了|啦)?"
_AFTER = r"(?=\s*(?:$|[，。；！：、,.;:!\n)）\]】(（✓✔✅❌✗—]|因为|由于|\s-))"
_LEAD = rf"{_GAP}{{0,12}}?(?:{_SUBJECT}){_GAP}{{0,10}}?"

_HEAD = re.compile(rf"(?P<lead>{_LEAD})?{_CORE}{_AFTER}")
_STATEMENT = re.compile(rf"(?P<lead>(?:{_SUBJECT}){_GAP}{{0,10}}?){_CORE}{_AFTER}")
_CLAUSE = re.compile(rf"(?:^|[，。；！,.;!\n]|但|其实)\s{{0,4}}(?P<lead>){_CORE}(?=\s*(?:$|[，。；！,.;!\n]))")
_ONE_NOT = re.compile(r"不|未|没|非|无")
_NOT_MINE = re.compile(r"是否|能否|如果|假如|假设|若|声称|认为|以为|请|无法|要求|不确定|难以|还是|标准答案|参考答案")
_CONCLUDES = re.compile(r"因此|所以|综上|故|最终|总之|可见|因而")


def read_head(text: str, far: str = "") -> Phrase | None:
    """Read the verdict that opens `text`; a statement to the contrary in `text` or in `far` spoils it."""
    match = _HEAD.match(text)
    if match is None:
        return None
    polarity, rest = _polarity(match), text[match.end() : match.end() + 120]
    others = [phrase.polarity for part in (rest, far) for phrase in statements(part)]
    others += [_polarity(other) for other in _CLAUSE.finditer(rest)]
    if any(other is not AMBIGUOUS and other != polarity for other in others):
        polarity = AMBIGUOUS
    return Phrase(polarity, match[0], 0, match.end())


def statements(text: str, start: int = 0) -> Iterator[Phrase]:
    """Find clauses that state a verdict on the answer (答案并不正确) from `start` on."""
    for match in _STATEMENT.finditer(text, start):
        if not _NOT_MINE.search(sentence_before(text, match.end())):
            yield Phrase(_polarity(match), match[0], match.start(), match.end())


def concludes(text: str, phrase: Phrase) -> bool:
    """Say whether the sentence of `phrase` draws a conclusion up to there."""
    return _CONCLUDES.search(sentence_before(text, phrase.start)) is not None


def is_chinese(text: str) -> bool:
    """Say whether there is a Chinese character in `text`."""
    return not text.isascii() and any("\u4e00" <= letter <= "\u9fff" for letter in text)


def _polarity(match: re.Match[str]) -> Polarity:
    nots = len(_ONE_NOT.findall(match["nots"]))
    says = _POLARITY[match["word"]]
    if nots > 1 or (nots and not says) or _PART.search(match["how"]) or _PART.search(match["lead"] or ""):
        return AMBIGUOUS
    return says and not nots
