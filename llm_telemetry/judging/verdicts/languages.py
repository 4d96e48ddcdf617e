"""The words of each language, as data: `phrases` makes the grammar of them, `labels` the pattern of labels.

A field is an alternation of a regular expression, in lower case; an empty one matches nothing.
"""

from __future__ import annotations

from typing import NamedTuple

# ruff: noqa: RUF001


class Language(NamedTuple):
    """What one language says of a verdict, and around it; where no spaces part the words, a phrase fills its clause."""

    spaced: bool
    letters: str  # one of them shows that a text may be in this language; empty if any may
    yes: str
    no: str
    nots: str  # negations before a verdict word
    one_not: str  # what counts as one negation among them
    wholly: str  # words before a verdict word that do not change it
    partly: str  # words before a verdict word that halve it
    subject: str  # what a verdict is about
    # From here on, patterns with their own boundaries:
    reason: str  # behind a verdict, it goes on to the reason
    turn: str  # here a new clause may begin
    not_mine: str  # before a statement: it is somebody else's, a question, a condition or an order
    concludes: str  # before a statement: it is a conclusion
    owner: str = ""  # words before the subject
    copula: str = ""  # words between the subject and the verdict
    article: str = ""
    noun: str = ""  # words behind a verdict word that mean nothing
    intro: str = ""  # words before a phrase that mean nothing
    gap: str = ""  # characters that may not stand around a subject where no spaces part the words
    manners: str = ""  # behind a lone verdict word: it is none ("right, let me see", "correct: <true/false>")
    object: str = ""  # behind any but a transitive word: it is an order ("correct the spelling")
    transitive: str = ""
    lone: str = ""  # verdict words that nothing may follow


ENGLISH = Language(
    spaced=True,
    letters="",
    yes="true|yes|yep|yeah|correct|right|accurate|equivalent|equal|equals|identical|same|consistent|valid|match"
    "|matches|matched|matching|agree|agrees|coincide|pass|passes|passed|accept|accepted|acceptable|approved|y",
    no="false|no|nope|incorrect|wrong|inaccurate|inequivalent|non equivalent|nonequivalent|unequal|different|differ"
    "|inconsistent|invalid|mismatch|mismatched|fail|fails|failed|reject|rejected|untrue|erroneous|no match"
    "|not attempted|absolutely not|definitely not|certainly not|of course not|not really|not even close|n",
    nots="not|never|hardly|barely|far from|neither|no longer|in no way|by no means|(?:is|are|was|were|do|does|did)n't"
    "|(?:do|does|did) not|ain't|can(?:no|')t(?: be)?|can not(?: be)?|fail(?:s|ed)? to|without",
    one_not=r"\b(?:not|never|hardly|barely|far from|neither|no longer|in no way|by no means"
    r"|(?:is|are|was|were|do|does|did)n't|ain't|can(?:no|')t|fail(?:s|ed)? to|without)\b",
    wholly="completely|fully|entirely|quite|really|exactly|mathematically|semantically|factually|numerically|strictly"
    "|totally|absolutely|definitely|clearly|certainly|indeed|essentially|substantially|perfectly|at all|also"
    "|logically|functionally|exact|both|all|very|simply|plainly|therefore|thus|hence|actually|just",
    partly="part(?:ial)?ly|mostly|nearly|almost|somewhat|largely|half|roughly|basically|generally|more or less",
    subject="answers?|responses?|solutions?|results?|they|it|both|expressions?|values?|predictions?|outputs?"
    "|submissions?|statements?|forms?|numbers?|this|that|two|sets?|claims?|candidate|strings?|names?|dates?"
    "|equations?",
    reason=r"\b(?:because|since|as|due|given|with|to|based|by|from|and|but|although|though|even|despite|it|they"
    r"|that's|the(?! correct| right)|its|at all)\b",
    turn=r"\b(?:and|but|or|actually|rather|yet|wait|then)\b",
    not_mine=r"\b(?:if|whether|unless|claim\w*|says?|said|states|stated|argues|assert\w*|assum\w*|suppos\w*|thinks"
    r"|believes|might|may|unable|cannot|unclear|unsure|determine|respond|output|reply|return|asked|told|tells"
    r"|instruct\w*|either|please|whenever"
    r"|not (?:clear|sure|certain|able|obvious|that|say|know|think|believe))\b"
    r"|n't (?:say|know|think|believe|tell|see|sure|clear|certain)\b"
    r"|(?:\b(?:not|never|to|returns?|prints?|set)|n't)\s*$|[:：=]\s*$",
    concludes=r"\b(?:therefore|thus|hence|so|consequently|conclude|conclusion|overall|finally)\b",
    owner="the|this|that|these|those|their|its|his|her|both|two|final|given|predicted|provided|extracted|stated"
    "|numeric|(?:student|model|candidate|assistant|user|system|ai)(?:'s|s)?|submitted|generated|proposed|overall|all"
    "|my",
    copula=r"(?:\s+(?:(?:is|are|was|were|looks?|seems?|appears?)(?: to be)?"
    r"|(?:(?:is|are|was|were|can|could|should|must) )?(?P<unable>not |cannot |can't |couldn't )?"
    r"(?:be )?(?:considered|regarded|deemed|marked|judged|counted)(?: as| to be)?)|'s|'re)",
    article="an?|the",
    noun=r"\s+(?:answer|response|solution)(?=\s*[.!]*\s*$)",
    intro=r"(?:(?:sadly|unfortunately|regrettably|alas|well|ok|okay|hmm+)[,.]?\s+"
    r"|i(?:'d| would) say[:,]?\s+(?:that\s+)?)?",
    manners=r"\W{0,3}(?:sure|of course|i can|i could|i'?ll|i will|i'd|i would|let me|let's|let us|happy to|please"
    r"|here)\b|\s*[:=]\s*(?:[<\[{_]|\w{1,12}\s*(?:/|\||\bor\b))",
    object=r"\s+(?:the|its|that's)\b",
    transitive="match|matches|matched|matching|equals|passes|passed|fails|failed",
    lone="y|n|right",
)

CHINESE = Language(
    spaced=False,
    letters="\u4e00-\u9fff",
    yes="正确无误|正确|准确|等价|等同|一致|相同|相等|相符|吻合|符合|匹配|通过|合格|成立|没有错误|没有错|没错|无误|属实|对|是|真",
    no="错误|错|有误|否|假|不同|不等|不符|不合|矛盾|偏差|不",
    nots="(?!没错|没有错|不同|不等(?!价|同)|不符(?!合)|不合(?!格))(?:并|都|也|还|均|仍|完全)?"
    "(?:不是|不能算|不能视为|不算|不够|不完全|不太|不尽|不|未能|未|没有|没能|没|非|并非|无法)(?:太|很|完全|是|算|视为)?",
    one_not="不|未|没|非|无",
    wholly="都|均|也|是|为|就是|完全|确实|同样|判定为|判为|视为|算",
    partly="基本上?|大致|大体|大部分|部分|几乎|差不多",
    subject="答案|回答|作答|解答|结果|结论|两者|二者|两式|表达式|它们|预测|输出|解法|答复|内容|数值|判断|选项|两个值",
    reason="因为|由于",
    turn="但|其实",
    not_mine="是否|能否|如果|假如|假设|若|声称|认为|以为|请|无法|要求|不确定|难以|还是|标准答案|参考答案",
    concludes="因此|所以|综上|故|最终|总之|可见|因而",
    noun="[的了啦]",
    gap="不未非没无否难勿别若如请错对或还",
)

LANGUAGES = (ENGLISH, CHINESE)


class Labels(NamedTuple):
    """Wordings of labels, by what may stand behind them; see the fields."""

    prefix: str  # words that may precede a label in its clause; any other ("student's") may not
    binary: str
    adjective: str
    score: str
    total: str  # "Total: 42" may be anything, so the scale must be told
    choice: str
    weak: str  # these only count where no strong label speaks


ENGLISH_LABELS = Labels(
    prefix="so|thus|therefore|hence|overall|final|my|the|our|a|an|i|i'd|would|will|can|must|give|gave|assign|award"
    "|rate|this|it|is|answer|quality|evaluation|assessment|equivalence|correctness|judge|total|binary|conclusion|in"
    "|and|consequently|accordingly|of",
    binary="correct/incorrect|true/false|yes/no|judge?ment|verdict|decision|determination|ruling|assessment"
    "|evaluation|grading",
    adjective="(?:is[ _])?correct(?:ness)?|(?:is[ _])?equivalent|equivalence|(?:is[ _])?match|passed|true[ _]false",
    score=r"scores?|rating|grade|marks?|points|rate (?:it|(?:this|the) \w{1,12})",
    total="overall|total",
    choice="winner|preferred|preference|better",
    weak="answer|result|conclusion|outcome|status|final",
)
CHINESE_LABELS = Labels(
    prefix="最终|最后|综合|总体|整体|因此|所以|综上|故|我的|我|本题|该题|给出的?|的|评估",
    binary="(?:判断|判定|评判|评估)结果|判断|判定|评判|结论|裁决|判决|是否正确|是否等价|是否一致|正确性|等价性",
    adjective="",
    score="得分|评分|分数|总分|打分",
    total="",
    choice="",
    weak="结果|答案",
)
