"""A negation is never read as its opposite, however it is written and wherever it stands."""

# ruff: noqa: RUF001
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.judging.verdicts import Verdict, read_verdict

POSITIVE = ["correct", "right", "equivalent", "accurate", "true", "the same", "equal", "identical", "valid", "a match"]
NEGATIVE = [
    "incorrect",
    "wrong",
    "inaccurate",
    "untrue",
    "false",
    "inequivalent",
    "non-equivalent",
    "unequal",
    "invalid",
]
NOT = [
    "not", "isn't", "is not", "aren't", "isn’t", "never", "far from", "by no means", "in no way",
    "not at all", "not quite",
    "not really", "not exactly", "not entirely", "no longer", "hardly", "cannot be", "can't be",
    "**not**", "_not_", "NOT",
    "not even remotely", "anything but", "not remotely", "nowhere near", "not, strictly speaking,", "isn't really",
]  # fmt: skip
FRAMES = [
    "{}", "{}.", "**{}**", '"{}"', "The answer is {}.", "The student's answer is {}", "Verdict: {}",
    "Judgement: **{}**.",
    "<verdict>{}</verdict>", '{{"verdict": "{}"}}', "\\boxed{{\\text{{{}}}}}", "[[{}]]", "Final verdict: {}!",
    "I looked at it for a while. Therefore, the answer is {}.", "## Verdict\n{}", "First line.\n\n{}", "It is {}.",
    "The two answers are {}", "Score: {}", "The response seems {} to me.", "So: {}",
]  # fmt: skip
ZH_NOT = [
    "不",
    "并不",
    "不是",
    "并非",
    "不太",
    "不完全",
    "不能算",
    "没有",
    "未",
    "不够",
    "并不是",
    "绝不",
    "绝非",
    "谈不上",
    "称不上",
    "远非",
]
ZH_POSITIVE = ["正确", "等价", "一致", "相同", "相等", "对", "准确", "符合", "匹配"]
ZH_FRAMES = [
    "{}", "{}。", "判断：{}", "结论：{}。", "答案{}", "学生的答案{}。", "两个答案{}", "<判断>{}</判断>",
    "最终判断：{}的",
    "先看第一步。\n{}", "\\boxed{{{}}}", "因此，学生的答案{}。", '{{"判断": "{}"}}',
]  # fmt: skip


def says(text):
    reading = read_verdict(text)
    return reading.correct if isinstance(reading, Verdict) else None


@given(st.sampled_from(FRAMES), st.sampled_from(NOT), st.sampled_from(POSITIVE), st.booleans())
def test_a_negated_positive_word_is_never_correct(frame, negation, word, shout):
    phrase = f"{negation} {word}"
    assert says(frame.format(phrase.upper() if shout else phrase)) is not True


@given(st.sampled_from(FRAMES), st.sampled_from(NEGATIVE), st.booleans())
def test_a_negative_word_is_never_correct(frame, word, capital):
    assert says(frame.format(word.capitalize() if capital else word)) is not True


@given(st.sampled_from(FRAMES), st.sampled_from(NOT), st.sampled_from(NEGATIVE))
def test_a_double_negation_is_no_verdict(frame, negation, word):
    assert says(frame.format(f"{negation} {word}")) is None


@given(st.sampled_from(ZH_FRAMES), st.sampled_from(ZH_NOT), st.sampled_from(ZH_POSITIVE))
def test_a_negated_chinese_word_is_never_correct(frame, negation, word):
    assert says(frame.format(negation + word)) is not True


@given(st.sampled_from(ZH_FRAMES), st.sampled_from(["错误", "有误", "错", "否", "不同", "不等", "不符"]))
def test_a_negative_chinese_word_is_never_correct(frame, word):
    assert says(frame.format(word)) is not True


@pytest.mark.parametrize("word", ["partially correct", "mostly right", "nearly identical", "部分正确", "基本正确"])
@pytest.mark.parametrize("frame", ["{}", "Verdict: {}", "The answer is {}.", "判断：{}"])
def test_half_a_verdict_is_none(frame, word):
    assert says(frame.format(word)) is None


@given(
    st.sampled_from(["correct", "true", "yes", "equivalent"]),
    st.sampled_from(["in", "un", "non", "in-", "dis", "non-"]),
)
def test_a_prefix_is_not_overlooked(word, prefix):
    assert says(prefix + word) is not True


OTHERS = {
    "de": ("nicht {}", "gar nicht {}", ["richtig", "korrekt", "wahr", "äquivalent"],
           ["{}", "{}.", "Urteil: {}", "Die Antwort ist {}.", "**Urteil:** {}", "Nein, {}."]),
    "fr": ("pas {}", "pas du tout {}", ["correct", "vrai", "exact", "équivalent"],
           ["{}", "Verdict : {}", "Jugement : {}", "La réponse n'est {}.", "Non, {}."]),
    "es": ("no {}", "no es {}", ["correcto", "correcta", "verdadero", "equivalente"],
           ["{}", "Veredicto: {}", "No, {}.", "La respuesta {}."]),
    "pt": ("não {}", "não é {}", ["correto", "correta", "verdadeiro"],
           ["{}", "Veredito: {}", "A resposta {}.", "Não, {}."]),
    "ru": ("не {}", "не является {}", ["верно", "верный", "правильно", "правильным"],
           ["{}", "Вердикт: {}", "Ответ {}.", "Нет, {}."]),
    "ko": ("{} 아님", "{}이 아닙니다", ["정답", "일치"], ["{}", "판정: {}", "답변은 {}.", "아니요, {}."]),
    "ja": ("{}ではない", "{}ではありません", ["正解", "一致", "正確"],
           ["{}", "判定：{}", "回答は{}。", "いいえ、{}。"]),
    "zh-Hant": ("不{}", "並非{}", ["正確", "等價", "一致", "對"],
                ["{}", "判斷：{}", "答案{}。", "結論：{}"]),
}  # fmt: skip


@pytest.mark.parametrize("language", OTHERS)
def test_a_negated_word_of_another_language_is_never_correct(language):
    *negations, words, frames = OTHERS[language]
    for frame in frames:
        for negation in negations:
            for word in words:
                text = frame.format(negation.format(word))
                assert says(text) is not True, text
                assert says(text.upper()) is not True, text
