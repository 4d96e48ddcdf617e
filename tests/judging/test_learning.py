"""A judge whose words we do not know is learnt by what its function returns, and never counted as broken."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_telemetry.alarm.alarm import Alarm
from llm_telemetry.events import Evaluation
from llm_telemetry.judging import forms
from llm_telemetry.judging.attempts import Attempt, Reply
from llm_telemetry.judging.evaluations import group, rule
from llm_telemetry.judging.forms import form_of, places_in
from llm_telemetry.judging.learner import _MEMORY, _MOST_WAITING, Learner
from llm_telemetry.judging.verdicts import Unreadable, read_verdict, returned_verdict
from llm_telemetry.session.foreign import event_in
from llm_telemetry.settings.limits import Limits
from llm_telemetry.sources import SourceNames
from tests.support.unknown_judges import FORMS, KNOWN, judge

FALLBACKS = {"False": (False, bool), "0.0": (0.0, float), "0.5": (0.5, float), "None": (None, bool)}
MORE = {"True": (True, bool), "-1": (-1, float)}


def recorded(judged, *, raises=False, split="train"):
    """The evaluation that a hook records of it; `raises`: the function raises where it would fall back."""
    attempt = Attempt({"messages": [{"role": "user", "content": "?"}]})
    attempt.replies = [Reply(judged.text, None if judged.text else "server")]
    raised = "other" if raises and judged.truth.endswith("failure") else None
    ruling = rule(group([attempt]), None if raised else returned_verdict(judged.returned), raised)
    facts = (ruling.outcome, ruling.score, ruling.disagreed, "", ruling.failure, ruling.attempts)
    return Evaluation(split, "s", *facts, clue=ruling.clue)


def learnt(judgements, windows=1, **how):
    """What collectors are told of these judgements, in so many payloads."""
    told = []
    learner = Learner(told.append)
    size = len(judgements) // windows
    for number, judged in enumerate(judgements, 1):
        learner.add(recorded(judged, **how))
        if number % size == 0:
            learner.settle("train")
    learner.settle("train")
    return told


def shares(outcomes):
    """Success rate, parse failure rate, correct ratio, in percent."""
    count = Counter(outcomes)
    decided = count.total() - count["undecided"]
    binary = count["correct"] + count["incorrect"]
    rates = ((binary + count["score"], decided), (count["parse_failure"], decided), (count["correct"], binary))
    return tuple(100 * part / (whole or 1) for part, whole in rates)


def alert_after(told):
    alarm = Alarm(Limits(), SourceNames())
    for evaluation in told:
        alarm.add(evaluation)
    return alarm.check(1, None)


def test_hardly_any_of_these_judges_is_read_here():
    read = set()
    for name, form in FORMS.items():
        texts = [judged.text for judged in judge(form, False, 1) if judged.truth in ("correct", "incorrect")]
        read |= {name for text in texts if not isinstance(read_verdict(text), Unreadable)}
    assert len(FORMS.keys() - read) >= 16, read


@pytest.mark.parametrize("fallback", [*FALLBACKS, *MORE, "an exception"])
@pytest.mark.parametrize("form", FORMS)
def test_two_hundred_evaluations_of_unknown_words_are_within_two_points_of_the_truth(form, fallback):
    value, kind = {**FALLBACKS, **MORE}.get(fallback, (None, bool))
    for seed in range(2):
        judgements = judge(FORMS[form], value, seed, kind=kind)
        told = learnt(judgements, raises=fallback == "an exception")
        assert shares(e.outcome for e in told) == pytest.approx(shares(j.truth for j in judgements), abs=2)
        assert sum(e.outcome == "undecided" for e in told) <= 4
        assert alert_after(told) is None


@pytest.mark.parametrize("fallback", FALLBACKS)
def test_a_judge_whose_words_are_known_is_counted_exactly(fallback):
    value, kind = FALLBACKS[fallback]
    for seed in range(4):
        judgements = judge(KNOWN, value, seed, kind=kind)
        told = learnt(judgements, windows=4)
        assert Counter(e.outcome for e in told) == Counter(j.truth for j in judgements)


@pytest.mark.parametrize("form", FORMS)
def test_without_a_single_api_failure_the_fallback_is_found_all_the_same(form):
    judgements = judge(FORMS[form], False, 3, failed=0)
    told = learnt(judgements)
    assert shares(e.outcome for e in told) == pytest.approx(shares(j.truth for j in judgements), abs=2)
    assert alert_after(told) is None


@pytest.mark.parametrize(("form", "fallback"), [("a count", 0.5), ("at the end", -1)])
def test_what_is_learnt_does_not_hang_on_the_order_of_hashes(form, fallback):
    program = (
        "from tests.judging.test_learning import FORMS, judge, learnt;"
        f"print([e.outcome for e in learnt(judge(FORMS[{form!r}], {fallback}, 0, kind=float))])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_what_the_api_s_failures_return_need_not_be_what_unreadable_replies_return():
    judgements = [
        judged._replace(returned=None) if judged.truth == "api_failure" else judged
        for judged in judge(FORMS["an equation"], False, 4)
    ]
    assert shares(e.outcome for e in learnt(judgements)) == pytest.approx(shares(j.truth for j in judgements), abs=2)


def test_a_judge_of_unknown_grades_has_scores_and_no_verdicts():
    form, grades = FORMS["a metal"], {"gold": 1.0, "iron": 0.5, "lead": 0.0}
    judgements = []
    for number, judged in enumerate(judge(form, 0.0, 10)):
        metal = list(grades)[number % 3]
        is_verdict = judged.truth in ("correct", "incorrect")
        text = re.sub("gold|lead", metal, judged.text) if is_verdict else judged.text
        judgements.append(judged._replace(text=text, returned=grades[metal] if is_verdict else 0.0))
    told = learnt(judgements)
    count = Counter(e.outcome for e in told)
    assert count == {"score": 182, "parse_failure": 12, "api_failure": 6}
    assert sum(e.score for e in told if e.outcome == "score") == sum(
        j.returned for j in judgements if j.truth in ("correct", "incorrect")
    )


def test_a_judge_whose_function_returns_the_contrary_of_all_we_read_contradicts_nothing(caplog):
    judgements = [judged._replace(returned=not judged.returned) for judged in judge(KNOWN, False, 11, unreadable=0)]
    told = learnt(judgements)
    assert not any(e.disagreed for e in told)
    assert alert_after(told) is None
    assert len([r for r in caplog.records if "returns the contrary" in r.getMessage()]) == 1


def test_a_function_that_takes_incorrect_for_correct_is_a_contradiction():
    """It looks for the word `correct`: all is right to it, so it is no question the other way round."""
    judgements = [judged._replace(returned=bool(judged.text)) for judged in judge(KNOWN, False, 12, unreadable=0)]
    told = learnt(judgements)
    assert sum(e.disagreed for e in told) == sum(j.truth == "incorrect" for j in judgements)


def test_nothing_is_said_of_a_judge_that_has_shown_nothing(caplog):
    judgements = [
        judged._replace(returned=False) for judged in judge(FORMS["a word"], False, 5, unreadable=1, failed=0)
    ]
    told = learnt(judgements)
    assert {(e.outcome, e.failure) for e in told} == {("undecided", None)}
    assert alert_after(told) is None
    (line,) = [r.getMessage() for r in caplog.records]
    assert line.startswith("llm_telemetry: 200 of the last 200 replies of the judge have no verdict in a form")
    assert "it returned the same for all, as one does that reads none" in line


def test_a_window_is_not_counted_by_the_half_of_it_that_can_be_told():
    """A `True` cannot be the fallback `False`; a rate over those alone would be 100 percent."""
    judgements = judge(FORMS["a word"], False, 6, count=20, failed=0.1, unreadable=0.4)[:8]
    ratios = {e.outcome for e in learnt(judgements)} & {"correct", "incorrect"}
    assert ratios in (set(), {"correct", "incorrect"})


def test_what_a_payload_has_left_undecided_stays_so_and_the_next_ones_are_decided():
    judgements = judge(FORMS["a code"], False, 7)
    told = []
    learner = Learner(told.append)
    learner.add(recorded(judgements[0]))
    learner.settle("train")
    for judged in judgements[1:]:
        learner.add(recorded(judged))
    learner.settle("val")
    assert len(told) < len(judgements) / 2
    learner.settle("train")
    assert len(told) == len(judgements)
    assert "undecided" not in {e.outcome for e in told[1:]}


def test_each_evaluation_comes_once_whatever_happens_and_memory_is_bounded():
    told = []
    learner = Learner(told.append)
    judgements = judge(FORMS["at the end"], False, 8, count=3000)
    for judged in judgements:
        learner.add(recorded(judged))
    assert len(learner._waiting) <= _MOST_WAITING
    assert len(learner._judges[""].clues) == _MEMORY
    learner.settle("train")
    learner.settle("train")
    assert len(told) == len(judgements)
    assert all(e.clue is None for e in told)


def test_children_s_evaluations_teach_the_same_and_hold_no_text():
    judgements = judge(FORMS["a winner"], False, 9)
    sent = [json.dumps(recorded(judged)._asdict()) for judged in judgements]
    assert not any(word in line.lower() for line in sent for word in ("student", "teacher", "wins", "candidate"))
    told = []
    learner = Learner(told.append)
    for line in sent:
        learner.add(event_in("evaluation", json.loads(line), "train"))
    learner.settle("train")
    assert told == learnt(judgements)


@given(st.lists(st.text(max_size=40), max_size=8), st.integers(1, 4))
def test_a_reply_that_was_seen_has_the_form_that_it_had(texts, most):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forms, "_MOST_KNOWN", most)
        patched.setattr(forms, "_known", {})
        assert [form_of(text) for text in texts * 2] == [forms._made_of(text) for text in texts * 2]
        assert len(forms._known) <= most


@settings(max_examples=200)
@given(st.text(max_size=400) | st.sampled_from(["*", "\n\n", "<think>", "a" * 10_000, "x y\n" * 2_000, "。" * 500]))
def test_any_text_has_a_form_of_bounded_size(text):
    places = places_in(form_of(text))
    assert len(places) <= 240
    assert len({packed >> 32 for packed in places}) == len(places)
