"""What must be known of a language to read verdicts in it.

Each field of `Language` is an alternation of a regular expression, in lower case; an empty one matches nothing.
"""

from __future__ import annotations

from typing import NamedTuple

_SIMPLE = str.maketrans(
    "確錯誤對無沒準價斷評結論學為總決異違間標參數輸預測實並兩滿認請還難別聲稱設綜終給題選達幾體採點場従値応価",
    "确错误对无没准价断评结论学为总决异违间标参数输预测实并两满认请还难别声称设综终给题选达几体采点场从值应价",
)


def simplify(text: str) -> str:
    """Replace traditional Chinese and Japanese characters by simplified ones, so that each word is written once."""
    return text.translate(_SIMPLE)


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
    manners: str = ""  # behind a lone verdict word: it is none ("right, let me see")
    object: str = ""  # behind any but a transitive word: it is an order ("correct the spelling")
    transitive: str = ""
    # Labels, by what may stand behind them:
    prefix: str = ""  # words that may precede a label in its clause; any other ("student's", "initial") may not
    verdict: str = ""
    adjective: str = ""
    grade: str = ""
    total: str = ""  # "Total: 42" may be anything, so the scale must be told
    choice: str = ""
    flag: str = ""  # "yes" is right
    fault: str = ""  # "yes" is wrong
    weak: str = ""  # these only count where no strong label speaks


def together(*languages: Language, **own: str) -> Language:
    """Put the words of several languages together, field by field, with simplified characters."""
    fields = zip(Language._fields, zip(*languages, strict=True), strict=True)
    return Language(**{name: simplify("|".join(filter(None, words))) for name, words in fields} | own)
