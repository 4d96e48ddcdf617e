"""The words of each language, as data: `phrases` makes the grammar of them, `labels` the patterns of labels.

The languages in which spaces part the words, and those in which none do, are put together: a phrase of one is not
mistaken for another's. English stands alone, since it has more of everything.
"""

from __future__ import annotations

from .language import Language, together

# ruff: noqa: RUF001


_FAULT = (
    "(?:errors?|mistakes?|flaws?|hallucinations?|contradictions?|inaccurac(?:y|ies)|issues?|problems?|bugs?|cheating)"
)
_HAS = "(?:(?:contains?|includes?|has|have|any|found|made|factual|logical|major)_)"

ENGLISH = Language(
    yes="true|yes|yep|yeah|correct|right|accurate|equivalent|equal|equals|identical|same|consistent|valid|match"
    "|matches|matched|matching|agree|agrees|coincide|pass|passes|passed|accept|accepted|acceptable|approved|approve|approves|supported"
    "|supports|entailed|match found|to accept|full marks|full credit|met|satisfied|y",
    no="false|no|nope|incorrect|wrong|inaccurate|inequivalent|non equivalent|nonequivalent|unequal|different|differ"
    "|inconsistent|invalid|mismatch|mismatched|fail|fails|failed|reject|rejected|untrue|erroneous|unsupported"
    "|to reject|no match(?: found)?|no credit|no points|zero points|contradicts|contradicted|refutes|refuted"
    r"|unacceptable|mistaken|incorrectly \w{1,12}|(?:doesn't|does not|did not) answer"
    "|hallucinated|disagree|disagrees|not attempted|unmet|unsatisfied"
    "|absolutely not|definitely not|certainly not|of course not|not really|not even close|n",
    nots="not|never|hardly|barely|far from|neither|no longer|in no way|by no means|(?:is|are|was|were|do|does|did)n't"
    "|(?:do|does|did) not|ain't|can(?:no|')t(?: be)?(?: marked| considered)?|can not(?: be)?|fail(?:s|ed)? to|without"
    "|anything but|nowhere near",
    one_not=r"\b(?:not|never|hardly|barely|far from|neither|no longer|in no way|by no means"
    r"|(?:is|are|was|were|do|does|did)n't|ain't|can(?:no|')t|fail(?:s|ed)? to|without|anything but|nowhere near)\b",
    wholly="completely|fully|entirely|quite|really|exactly|mathematically|semantically|factually|numerically|strictly"
    "|totally|absolutely|definitely|clearly|certainly|indeed|essentially|substantially|perfectly|at all|also|logically"
    "|functionally|strongly|perfect|exact|both|all|very|simply|plainly|therefore|thus|hence|actually|just|100 ?%",
    partly="part(?:ial)?ly|mostly|nearly|almost|somewhat|largely|half|roughly|basically|generally|more or less",
    subject="answers?|responses?|solutions?|results?|they|it|both|expressions?|values?|predictions?|outputs?"
    "|submissions?|statements?|forms?|numbers?|this|that|two|sets?|claims?|candidate|strings?|names?|dates?|equations?"
    "|repl(?:y|ies)|conclusion|proof|translation|summary|code|tests?|student|model|assistant",
    reason=r"\b(?:because|since|as|due|given|with|to|based|by|from|and|but|although|though|even|despite|it|they"
    r"|that's|the(?! correct| right)|its|at all)\b",
    turn=r"\b(?:and|but|or|actually|rather|yet|wait|then)\b",
    not_mine=r"\b(?:if|whether|unless|claim\w*|says?|said|states|stated|argues|assert\w*|assum\w*|suppos\w*|thinks"
    r"|believes|might|may|unable|cannot|unclear|unsure|determine|respond|output|reply|return|asked|told|tells"
    r"|instruct\w*|either|please|whenever|without|nothing|nobody|no (?:reason|need|doubt|way)"
    r"|(?:wrong|unfair|harsh|hard|mistake|tempting) to"
    r"|not (?:clear|sure|certain|able|obvious|that|say|know|think|believe))\b"
    r"|n't (?:say|know|think|believe|tell|see|sure|clear|certain)\b"
    r"|(?:\b(?:not|never|to|returns?|prints?|set)|n't)\s*$|[:：=]\s*$",
    concludes=r"\b(?:therefore|thus|hence|so|consequently|conclude|conclusion|overall|finally)\b",
    owner="the|this|that|these|those|their|its|his|her|both|two|final|given|predicted|provided|extracted|stated"
    "|numeric|(?:student|model|candidate|assistant|user|system|ai)(?:'s|s)?|submitted|generated|proposed|overall|all"
    "|my",
    copula=r"(?:\s+(?:(?:is|are|was|were|does|do|looks?|seems?|appears?)(?: to be)?|to be|as"
    r"|(?:(?:is|are|was|were|can|could|should|must) )?(?P<unable>not |cannot |can't |couldn't )?"
    r"(?:be )?(?:considered|regarded|deemed|marked|judged|counted)(?: as| to be)?"
    r"|(?:(?:should|would|must|will) )?(?:gets?|receives?|earns?|deserves?))|'s|'re)",
    article="an?|the",
    noun=r"\s+(?:answer|response|solution)(?=\s*[.!]*\s*$)",
    of=r"(?:of|by|from) (?:the |this )?\w{1,15}|given|provided",
    intro=r"(?:(?:sadly|unfortunately|regrettably|alas|well|ok|okay|hmm+|sure|certainly|therefore|thus|hence|so|overall"
    r"|in (?:conclusion|summary|short)|to sum up|tl;dr|bottom line|finally|ultimately"
    r"|(?:nice|good)(?: try| job)?,(?: but)?|(?:close|almost),? but)[,.!:]?(?:\s-)?\s+"
    r"|i(?:'d| would)? (?:say|judge|consider|mark|deem|find|believe|think|conclude)[:,]?\s+(?:that\s+)?)?",
    manners=r"[^\w\n]{0,3}(?:sure|of course|i can|i could|i'?ll|i will|i'd|i would|let me|let's|let us|happy to|please"
    r"|here)\b",
    object=r"\s+(?:the|its|that's)\b",
    transitive="to accept|to reject|match|matches|matched|matching|equals|passes|passed|fails|failed"
    "|contradicts|supports|refutes|agrees|disagrees",
    lone="y|n|right",
    praise=rf"\bno (?:\w+ )?{_FAULT}|\bnothing (?:is )?wrong|\berror-free",
    blame=rf"\b(?:there (?:is|are)|contains?|has|have|makes?|made|found|includes?) (?!no\b|not\b)"
    rf"(?:\w+ ){{0,3}}{_FAULT}",
    terse_yes="absolutely|definitely|certainly|exactly|spot on|factual|faithful|grounded|relevant|safe|good|success"
    "|successful|entailment|entails|no errors?(?: found)?|no mistakes?(?: found)?|no hallucinations?(?: found)?"
    "|affirmative|satisfactory|adequate|compliant|complies|verified|confirmed|completed|resolved|solved|achieved"
    "|fulfilled|flawless",
    terse_no="not at all|not in the least|unfaithful|ungrounded|irrelevant|unsafe|bad|failure|unsuccessful"
    "|contradiction|not enough info|hallucination|errors? found|unrelated|unsatisfactory|inadequate|insufficient"
    "|noncompliant|unverified|unresolved|incomplete|unfulfilled",
    none="neither|none of(?: the)?",
    prefix="so|are|thus|therefore|hence|overall|final|my|the|our|a|an|i|i'd|i'm|would|will|can|must|give|gave|assign|award"
    "|rate|this|it|is|answer|response|quality|evaluation|assessment|equivalence|correctness|judge|total|binary|claim|which"
    "|judge's|task|patch|goal|rubric|criterion|grader|evaluator|reviewer|composite|aggregate|weighted|average|mean|combined|holistic|factually|semantic|grading|semantically"
    "|mathematically|conclusion|in|and|consequently|accordingly|of|corrected|revised|updated|amended|new|test",
    verdict="correct/incorrect|pass/fail|true/false|yes/no|judge?ment|verdict|decision|decide|determination|ruling|finding"
    "|assessment|classification|verification|recommendation|opinion|comparison(?:_result)?|evaluation(?:_result)?|grading|label"
    "|(?:user|response)_safety",
    adjective=r"correct(?:ness)?|right|accurate|true_false|(?:semantically_)?equivalent|equivalence|same(?:_meaning|_answer)?"
    r"|pass(?:ed|es)?(?:_(?:tests?|fail))?|agreement|(?:consistent|equivalent|equal|identical)(?:_(?:with|to)(?:_the)?_\w{1,12})?|(?:(?:correct|same)_)?(?:answers?_)?match(?:ed|ing)?|(?:matches|agrees|meets|satisfies)(?:_\w{1,12}){0,3}|acc|accept(?:ed)?|approved|valid|consistent"
    rf"|criteri(?:on|a)_(?:met|status)|(?:requirements?_|conditions?_)?(?:met|satisfied|fulfilled)|(?:task_)?success|successful"
    rf"|(?:task_|goal_)?(?:solved|resolved|completed|achieved)|correctly_answered|answered_correctly|no_{_FAULT}",
    fault=rf"{_HAS}{_HAS}*{_FAULT}|{_FAULT}_(?:found|detected|present)|wrong|incorrect|inaccurate|false|mismatch|contradict(?:ion|ory)"
    "|contradict(?:s|ed)(?:_(?:reference|answer|context|source|document|evidence))?|fails?|failed|failure|reject|rejected|different|differs|disagrees|refuted"
    "|invalid|not_(?:correct|equivalent|right|accurate|the_same|a_match)",
    grade=r"scores?(?:_for_(?:this|the)_\w{1,12})?|rating|grade|marks?|points|accuracy|quality|reward|rated?|give|deserves?|award|assign"
    r"|(?:rate|give|giving|score|grade|deserves?|award|assign) (?:it|this|that|an?|(?:this|the) \w{1,12})"
    r"|on a scale (?:of|from) \d{1,2} (?:to|-) \d{1,3}|(?:total|quality|correctness|normali[sz]ed|similarity)_score",
    total="overall|total",
    choice="(?:winner|preferred|preference|better|best|choice|chosen|pick)(?:_(?:response|answer|assistant|model|output))?",
    result="result|conclusion|outcome|status|so|therefore|thus|hence",
    answer="answer|final|output",
    merit="supported|faithful|grounded|relevant|factual|safe|acceptable|helpful",
    vice="hallucinat(?:ions?|ed|es|ing)|toxic|toxicity|harmful|unsafe|violat(?:ion|es|ed)|biased|unfaithful|unsupported"
    "|irrelevant|offensive|hateful|off_topic|plagiari[sz]ed|fabricated"
    "|made_up|misleading|inconsistent|unacceptable|refused|errors|mistakes",
    aspect="(?:coherence|fluency|relevance|consistency|helpfulness|clarity|groundedness|faithfulness|completeness"
    "|harmlessness|conciseness|usefulness|depth|style|engagement|safety)(?:_score|_rating)?",
)

GERMAN = Language(
    yes="richtig|korrekt|wahr|ja|äquivalent|gleich|gleichwertig|identisch|zutreffend|bestanden|stimmt|übereinstimmend",
    no="falsch|inkorrekt|unwahr|nein|unterschiedlich|verschieden|fehlerhaft|unzutreffend|ungleich|durchgefallen",
    nots="nicht|keine?|keineswegs|niemals",
    wholly="vollständig|völlig|ganz|genau|eindeutig|absolut|leider|auch|somit",
    partly="teilweise|größtenteils|fast|überwiegend|halb|weitgehend",
    owner="die|der|das|diese|beiden|gegebene|des|studenten|modells|kandidaten",
    subject="das|antwort(?:en)?|lösung(?:en)?|ergebnis(?:se)?|ausdrücke|werte|aussage|beide",
    stems="antwort|lösung|ergebnis|ausdrücke|werte|aussage|beide",
    of=r"(?:des|der) \w{1,15}",
    copula="ist|sind|war|waren",
    reason=r"\b(?:weil|denn|da|aber|und)\b",
    turn=r"\b(?:aber|doch)\b",
    not_mine=r"\b(?:wenn|falls|ob|behauptet|sagt|laut|bitte|antworte)\b",
    concludes=r"\b(?:daher|somit|also|deshalb)\b",
    prefix="daher|somit|meine?|endgültiges?|finales?|gesamt",
    verdict="urteil|endurteil|beurteilung|entscheidung",
    adjective="korrekt|richtig",
    grade="bewertung|gesamtbewertung|punkte|punktzahl|gesamtpunktzahl",
    result="ergebnis|fazit",
    answer="antwort",
)
FRENCH = Language(
    yes="oui|vraie?s?|correcte?s?|justes?|exacte?s?|équivalente?s?|identiques?|conformes?|valide",
    no="non|faux|fausses?|incorrecte?s?|erronée?s?|inexacte?s?|différente?s?|invalide",
    nots="pas|jamais",
    wholly="malheureusement|tout à fait|totalement|entièrement|complètement|bien|donc|aussi",
    partly="partiellement|presque|en partie",
    owner="la|le|les|l'|cette|ces|deux|du|de|modèle|étudiant|candidat",
    subject="c'est|ce n'est|réponses?|solutions?|résultats?|expressions|valeurs|affirmation",
    stems="répon|solution|résultat|expression|valeurs|affirmation",
    of=r"(?:du|de la|de l'|de) ?\w{1,15}",
    copula="est|sont|n'est|ne sont|était",
    reason=r"\b(?:car|parce|puisque|mais|et)\b",
    turn=r"\b(?:mais|et)\b",
    not_mine=r"\b(?:si|s'il|affirme|prétend|dit|répond\w+)\b",
    concludes=r"\b(?:donc|ainsi)\b",
    prefix="mon|ma|le|la|donc",
    verdict="jugement|évaluation|décision",
    total="note |note finale",  # "Note: …" is English, and no grade
    result="résultat",
    answer="réponse",
)
SPANISH = Language(
    yes="sí|correct[oa]s?|verdader[oa]s?|ciert[oa]s?|equivalentes?|idéntic[oa]s?|válid[oa]|coinciden?|aprobado",
    no="incorrect[oa]s?|fals[oa]s?|erróne[oa]s?|equivocad[oa]s?|diferentes?|inválid[oa]|no|reprobado",
    nots="no|nunca|jamás",
    wholly="totalmente|completamente|exactamente|absolutamente|también|por tanto",
    partly="parcialmente|casi|en parte",
    owner="el|la|los|las|esta|ambas|ambos|dos|del|modelo|estudiante",
    subject="es|esto|respuestas?|soluci(?:ón|ones)|resultados?|expresiones|valores|afirmación",
    stems="respuesta|soluci|resultado|expresion|valores|afirmación",
    of=r"(?:del|de la|de) \w{1,15}",
    copula="es|está|son|están|era",
    reason=r"\b(?:porque|ya que|pero|y)\b",
    turn=r"\bpero\b",
    not_mine=r"\b(?:si|dice|afirma|según|responde\w*)\b",
    concludes=r"\b(?:por tanto|por lo tanto)\b",
    prefix="mi|el|por tanto|veredicto",
    verdict="veredicto|juicio|evaluación|decisión",
    grade="puntuación|puntaje|calificación|nota(?: final)?",
    result="resultado",
    answer="respuesta",
)
PORTUGUESE = Language(
    yes="sim|corret[oa]s?|verdadeir[oa]s?|cert[oa]s?|idêntic[oa]s?|aprovado|coincidem?",
    no="não|incorret[oa]s?|errad[oa]s?|errône[oa]s?|reprovado",
    nots="não",
    wholly="exatamente|também|portanto",
    partly="quase|em parte",
    owner="a|o|as|os|do|da|duas|aluno|il|questa",
    subject="isso|respostas?|soluç(?:ão|ões)|expressões|afirmação",
    stems="resposta|soluç|expressões|afirmação",
    of=r"(?:do|da) \w{1,15}",
    copula="é|são|estão|era",
    reason=r"\b(?:pois|mas|e)\b",
    not_mine=r"\b(?:se|diz|segundo)\b",
    prefix="meu|minha|o|a",
    verdict="veredito|julgamento|avaliação|decisão",
    grade="pontuação",
    answer="resposta",
)
ITALIAN = Language(
    yes="sì|corrett[oaie]|ver[oa]|esatt[oa]|giust[oa]|equivalenti|identic[oi]",
    no="errat[oaie]|sbagliat[oaie]|scorrett[oaie]|divers[oaie]",
    nots="non|mai",
    partly="parzialmente|quasi|in parte",
    subject="rispost[ae]|soluzion[ei]|risultato",
    stems="rispost|soluzion|risultato",
    of=r"(?:del|dello|della) \w{1,15}",
    copula="è|sono",
    verdict="verdetto|giudizio|valutazione",
    grade="punteggio|voto",
)
RUSSIAN = Language(
    yes="да|вер(?:ен|на)|верн(?:о|ый|ая|ы|ым|ой)|правильн(?:о|ый|ая|ы|ым|ой)|корректн(?:о|ый|ая|ым)|истина|совпада(?:ет|ют)"
    "|эквивалентны?|точно|зачтено",
    no="нет|невер(?:ен|на)|неверн(?:о|ый|ая|ы|ым|ой)|неправильн(?:о|ый|ая|ы|ым|ой)|некорректн(?:о|ый|ая)|ошибочн(?:о|ый|ая)|ложь"
    "|ложно|не совпада(?:ет|ют)|различаются|не эквивалентны|не зачтено",
    nots="не",
    wholly="полностью|совершенно|абсолютно",
    partly="частично|почти|отчасти|в основном",
    owner="этот|эти|оба|данный|ответ|модели|студента|кандидата",
    subject="это|ответы?|решени[ея]|результаты?|выражения|значения|утверждение",
    stems="это|ответ|решени|результат|выражения|значения|утверждение",
    of="модели|студента|кандидата|ученика",
    copula="является|являются|был|была",
    reason=r"\b(?:потому|так как|но|и)\b",
    turn=r"\bно\b",
    not_mine=r"\b(?:если|утверждает|говорит|ли|ответьте)\b",
    concludes=r"\b(?:поэтому|следовательно|итак)\b",
    prefix="мой|моя|моё|итоговый|итоговая|окончательный",
    verdict="вердикт|решение|суждение",
    adjective="правильно",
    grade="оценка|балл|баллы",
    result="итог|результат",
    answer="ответ",
)
KOREAN = Language(
    yes="정답|정답(?:이다|입니다|이에요)|네|예|맞음|맞다|맞습니다|맞아요"
    "|올바름|올바릅니다|올바르다|정확함|정확합니다|정확하다|참|일치|일치합니다|일치함|동일합니다|통과|합격",
    no="오답|오답(?:이다|입니다|이에요)|아니요|아니오|틀림|틀렸음|틀렸다|틀렸습니다|틀렸어요|틀립니다|틀린 답입니다"
    "|맞지 않음|맞지 않습니다|맞지 않다|부정확|부정확함|부정확합니다|정확하지 않습니다|올바르지 않음"
    "|올바르지 않습니다|정답이 아닙니다|거짓|불일치|일치하지 않음|일치하지 않습니다|동일하지 않습니다|불합격",
    wholly="완전히|정확히|모두",
    partly="부분적으로|거의|대체로|일부",
    owner="학생의|모델의|제출된|이|두",
    subject="(?:답변?|응답)(?:이|은|는)?|결과(?:가|는)?|두 답변?(?:은|이)?",
    stems="답|결과",
    turn="하지만",
    not_mine="만약|인지|쓰시오",
    concludes="따라서|그러므로",
    prefix="최종|종합",
    verdict="판정|판단|평가|평결",
    adjective="정답 여부",
    grade="점수|총점",
    answer="답|답변",
    result="결과|결론",
)
CHINESE = Language(
    yes="正确无误|正确|准确|等价|等同|一致|相同|相等|相符|吻合|符合|匹配|通过|合格|成立|没有错误|没有错|没错|无误|属实|对|是|真",
    no="错误|错|有误|否|假|不同|不等|不符|不合|矛盾|偏差|不",
    nots="(?!没错|没有错|不同|不等(?!价|同)|不符(?!合)|不合(?!格)|不正解|不适切)(?:并|都|也|还|均|仍|完全)?"
    "(?:不(?:是|能算|能视为|算|够|完全|太|尽)?|未能?|没(?:有|能)?|非|并非|无法)(?:太|很|完全|是|算|视为)?",
    one_not="不|未|没|非|无",
    wholly="都|均|也|是|为|就是|完全|确实|同样|判定为|判为|视为|算",
    partly="基本上?|大致|大体|大部分|部分|几乎|差不多",
    subject="答案|回答|作答|解答|结果|结论|两者|二者|两式|表达式|它们|预测|输出|解法|答复|内容|数值|判断|选项|两个值",
    noun="的|了|啦",
    gap="不未非没无否难勿别若如请错对或还",
    reason="因为|由于",
    turn="但|其实",
    not_mine="是否|能否|如果|假如|假设|若|声称|认为|以为|请|无法|要求|不确定|难以|还是|标准答案|参考答案",
    concludes="因此|所以|综上|故|最终|总之|可见|因而",
    prefix="最终|最后|综合|总体|整体|因此|所以|综上|故|我的|我|本题|该题|给出的?|的|评估",
    verdict="(?:判断|判定|评判|评估|评定)结果|判断|判定|评判|评定|评价|结论|裁决|判决|是否正确|是否等价|是否一致|正确性|等价性",
    grade="(?:综合|总体|最终)?(?:得分|评分|分数|打分)|总分",
    result="结果",
    answer="答案",
)
JAPANESE = Language(
    yes="正解|正しい|合っています|合っている|はい|同じ|同等|一致する|一致します|一致している|適切",
    no="誤り|誤答|間違い|間違っている|間違っています|間違いです|正しくない|正しくありません|正解ではない|正解ではありません|一致しない"
    "|一致しません|一致していない|合っていません|いいえ|異なる|異なります|違う|違います|不適切|不正解",
    wholly="完全に|共に|とても",
    partly="部分的に|ほぼ|一部|概ね|おおむね",
    subject="答え|両者|出力|応答",
    noun="です|である|でした|だ|と判断します|と判断する",
    reason="なぜなら|ため|ので",
    turn="しかし|ただし",
    not_mine="もし|かどうか|と主張|ください|場合",
    concludes="したがって|よって|従って",
    prefix="最終的な|総合",
    verdict="評価",
    grade="点数|スコア|採点",
    answer="答え|回答",
)


_SPACED = (GERMAN, FRENCH, SPANISH, PORTUGUESE, ITALIAN, RUSSIAN, KOREAN)
_NOTS = "|".join(filter(None, (language.nots for language in _SPACED)))
_COPULA = "|".join(filter(None, (language.copula for language in _SPACED)))
SPACED = together(
    *_SPACED,
    none="no|não|non",
    one_not=rf"\b(?:{_NOTS})\b",
    copula=rf"(?:\s+(?P<unable>no|não|non|не))?(?:\s+(?:{_COPULA}))?",
)
UNSPACED = together(CHINESE, JAPANESE)
