"""What a judge makes of answers: the same once more, without content, short and long; and the alarm about them."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.collectors.consistency import ConsistencyCollector
from llm_telemetry.collectors.lengths import LengthSums, correlation
from llm_telemetry.events import Evaluation
from llm_telemetry.judging.answers import is_degenerate, judged
from llm_telemetry.session.counts import Counts
from llm_telemetry.settings.config import Config
from tests.collectors.test_trust import told
from tests.support.mocking import chat
from tests.support.trainers import Trainer, train_step, watch


def verdict(outcome, answer="4", question="2 + 2?", **fields):
    """A verdict on an answer to a question."""
    return Evaluation("train", "s", outcome, None, False, judged=judged(answer, question, "", hash(question)), **fields)


def test_the_same_answer_with_another_verdict_is_inconsistent_however_it_is_written():
    same = [
        verdict("correct"),
        verdict("incorrect", " 4\n"),
        verdict("incorrect", "4"),
        verdict("correct", "FOUR"),
        verdict("correct", "Four "),
    ]
    logs = told(*same)
    assert (logs["judge/repeated_pairs"], logs["judge/inconsistent_rate"]) == (3, pytest.approx(1 / 3))


def test_a_long_answer_is_the_same_but_for_white_space_at_its_ends_alone():
    long = "One and one. " * 50
    logs = told(verdict("correct", long), verdict("incorrect", f"\n{long}\n"), verdict("correct", long.lower()))
    assert (logs["judge/repeated_pairs"], logs["judge/inconsistent_rate"]) == (1, 1)


def test_where_an_answer_ends_and_its_reference_begins_is_no_matter_of_chance():
    assert judged("ab", reference="c", problem=1).pair != judged("a", reference="bc", problem=1).pair


def test_another_question_another_judge_and_another_answer_are_no_pair():
    logs = told(
        verdict("correct"),
        verdict("incorrect", "5"),
        verdict("incorrect", question="3 + 1?"),
        verdict("incorrect", judge="b"),
    )
    assert "judge/repeated_pairs" not in logs
    assert "judge/inconsistent_rate" not in logs


def test_what_has_no_verdict_is_no_pair():
    logs = told(
        verdict("correct"), verdict("api_failure"), verdict("parse_failure"), verdict("score"), verdict("correct")
    )
    assert logs["judge/repeated_pairs"] == 1


def test_answers_are_remembered_over_steps_and_the_oldest_are_forgotten_and_counted():
    collector = ConsistencyCollector(most=2)
    for answer in "aba":
        collector.add_evaluation(verdict("correct", answer))
    collector.begin("train")
    for answer in "ca":
        collector.add_evaluation(verdict("incorrect", answer))
    logs = collector.get_wandb_logs("train")
    assert logs == {"judge/repeated_pairs": 1, "judge/inconsistent_rate": 1, "judge/forgotten_answers": 1}
    assert collector.add_evaluation(verdict("correct", "b")) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_pairs_are_held_against_the_verdict_before(rows):
    before, pairs, differ = {}, 0, 0
    for answer, right in rows:
        pairs += answer in before
        differ += before.get(answer, right) != right
        before[answer] = right
    logs = told(*(verdict("correct" if right else "incorrect", answer) for answer, right in rows))
    assert logs.get("judge/repeated_pairs", 0) == pairs
    assert logs.get("judge/inconsistent_rate", 0) * pairs == pytest.approx(differ)


# --- answers that are none


@pytest.mark.parametrize(
    "answer", ["", " ", ":", "...", "Solution:", "**Solution**", "Thought process:", "解", "2 + 2?"]
)
def test_an_answer_without_content_is_known(answer):
    assert is_degenerate(answer, "2 + 2?")


@pytest.mark.parametrize(
    "answer", ["4", "-", "<", "∞", "Solution: 4", "no solution", "yes", "0", "(a, b)", "2 + 2 = 4"]
)
def test_a_short_answer_is_an_answer(answer):
    assert not is_degenerate(answer, "2 + 2?")


def test_what_a_judge_makes_of_answers_without_content_is_told():
    logs = told(
        verdict("correct", ":"), verdict("incorrect", "Solution:"), verdict("api_failure", ":"), verdict("correct")
    )
    assert (logs["judge/degenerate_seen"], logs["judge/degenerate_accepted_rate"]) == (2, 0.5)


# --- lengths


def test_the_correlation_is_that_of_statistics():
    rows = [
        ("correct", "a" * 3),
        ("incorrect", "a" * 40),
        ("correct", "a" * 9),
        ("incorrect", "a" * 100),
        ("correct", "a" * 60),
    ]
    logs = told(*(verdict(outcome, answer) for outcome, answer in rows))
    known = statistics.correlation([o == "correct" for o, _ in rows], [math.log(1 + len(a)) for _, a in rows])
    assert logs["judge/length_correlation"] == logs["judge/s/length_correlation"] == pytest.approx(known, abs=1e-3)
    assert logs["judge/length_pairs"] == 5


def test_sources_with_other_lengths_and_other_verdicts_are_no_correlation():
    short = [verdict(outcome, "a" * n) for n in (4, 8) for outcome in ("correct", "incorrect", "correct")]
    long = [
        verdict(outcome, "a" * n)._replace(source="t")
        for n in (400, 800)
        for outcome in ("incorrect",) * 3 + ("correct",)
    ]
    assert told(*short, *long)["judge/length_correlation"] == pytest.approx(0, abs=1e-9)


def test_where_all_lengths_or_all_verdicts_are_the_same_there_is_no_correlation():
    assert "judge/length_correlation" not in told(*(verdict(o) for o in ("correct", "incorrect", "correct")))
    assert "judge/length_correlation" not in told(*(verdict("correct", "a" * n) for n in range(9)))


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=20), st.randoms())
def test_sums_of_lengths_merge_exactly_in_any_order(rows, random):
    def sums(some):
        total = LengthSums()
        for length, right in some:
            total.add([length], right)
        return total

    mixed = random.sample(rows, len(rows))
    assert sums(mixed[: len(rows) // 2]).merge(sums(mixed[len(rows) // 2 :])) == sums(rows)
    found = correlation([sums(rows)])
    assert found is None or -1 <= found <= 1


def test_parse_failures_are_told_by_thirds_of_length():
    rows = [(n, outcome) for n in (1, 30, 900) for outcome in ("correct", "incorrect")]
    logs = told(
        *(verdict(outcome, "a" * n) for n, outcome in rows),
        verdict("parse_failure", "a" * 900),
        verdict("api_failure", "a"),
    )
    assert [logs[f"judge/parse_failure_rate_{third}"] for third in ("short", "medium", "long")] == [
        0,
        0,
        pytest.approx(1 / 3),
    ]


# --- the alarm


def alarmed(*evaluations):
    """What the alarm tells of these, if anything."""
    counts = Counts(Config.of({}))
    for evaluation in evaluations:
        counts._add_evaluation(evaluation)
    return counts.alarm.check(1, None)


def test_a_judge_that_contradicts_itself_sounds_the_alarm():
    alert = alarmed(*(verdict("correct" if n % 2 else "incorrect") for n in range(60)))
    assert alert.conditions == ("inconsistent_rate",)
    assert alert.cause == "judge contradicts itself"
    assert "59 of 59" in alert.text


def test_a_judge_that_changes_its_mind_one_way_alone_sounds_the_alarm():
    before = [verdict("correct" if n % 3 else "incorrect", str(n)) for n in range(90)]
    after = [verdict("correct", str(n)) for n in range(90)]
    alert = alarmed(*before, *after)
    assert alert.conditions == ("inconsistent_rate", "verdict_shift")
    assert "30 more of 30 (5.5 standard deviations, limit 4.5)" in alert.text


def test_a_judge_that_changes_its_mind_both_ways_has_not_shifted():
    before = [verdict("correct" if n % 2 else "incorrect", str(n)) for n in range(90)]
    contrary = {"correct": "incorrect", "incorrect": "correct"}
    after = [verdict(contrary[one.outcome] if n < 40 else one.outcome, str(n)) for n, one in enumerate(before)]
    alert = alarmed(*before, *after)
    assert alert.conditions == ("inconsistent_rate",)


def test_a_judge_that_accepts_anything_sounds_the_alarm():
    alert = alarmed(*(verdict("correct", ":", question=str(n)) for n in range(25)))
    assert alert.conditions == ("degenerate_accepted_rate",)
    assert "25 of 25" in alert.text


def test_few_pairs_and_few_such_answers_say_nothing():
    assert alarmed(*(verdict("correct" if n % 2 else "incorrect") for n in range(50))) is None
    assert alarmed(*(verdict("correct", ":", question=str(n)) for n in range(19))) is None


def test_an_accepted_answer_without_content_leaves_evidence(api, tmp_path):
    api.post("/chat/completions").side_effect = [chat(":"), chat("<true_false>True</true_false>")]
    trainer = Trainer()
    telemetry, memory = watch(trainer, tmp_path, capture_failures=3)
    train_step(trainer)
    telemetry.uninstrument()
    (row,) = memory.payloads[0].evidence
    assert (row.outcome, row.failure, row.disagreed) == ("correct", None, False)
    assert memory.last["judge/degenerate_accepted_rate"] == 1
