"""Rulings hold together, whatever was asked and answered; comparisons pair up."""

from hypothesis import example, given
from hypothesis import strategies as st

from llm_telemetry.collectors.judge import JudgeMetricsCollector
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, Evaluation
from llm_telemetry.judging.attempts import Attempt, Reply
from llm_telemetry.judging.batches import rule_batch
from llm_telemetry.judging.comparisons import Comparison, Comparisons
from llm_telemetry.judging.evaluations import group, rule
from llm_telemetry.judging.learner import Learner
from llm_telemetry.judging.verdicts import returned_verdict

TEXTS = st.sampled_from(
    ["", " ", "true", "false", "[[A]]", "[[B]]", "7/10", "What a day.", "<think>so", "Verdict: yes"]
)
REPLIES = st.builds(Reply, TEXTS, st.none() | st.sampled_from(API_FAILURES), st.booleans())
QUESTIONS = st.sampled_from(["Is a right?", "Is b right?", "a or b?", "b or a?", ""])
RETURNED = st.sampled_from([True, False, None, 0.5, 7, "A", (1.0, "why")])
RAISED = st.none() | st.sampled_from(API_FAILURES)


def attempt(question, replies):
    made = Attempt({"model": "m", "messages": [{"role": "user", "content": question}]})
    made.replies = replies
    return made


ATTEMPTS = st.lists(st.builds(attempt, QUESTIONS, st.lists(REPLIES, max_size=3)), max_size=6)


def holds_together(ruling, attempts):
    kinds = {"api_failure": API_FAILURES, "parse_failure": PARSE_FAILURES, "undecided": PARSE_FAILURES}.get(
        ruling.outcome, (None,)
    )
    assert ruling.failure in kinds
    assert ruling.score is None or (ruling.outcome == "score" and 0 <= ruling.score <= 1)
    assert ruling.agreement is None or 0 < ruling.agreement <= 1
    assert not (ruling.disagreed and ruling.failure)
    assert 0 <= ruling.attempts <= len(attempts)


@given(ATTEMPTS, RETURNED, RAISED)
@example([], None, None)
def test_a_ruling_has_one_outcome_and_a_cause_exactly_when_it_failed(attempts, returned, raised):
    used = None if raised else returned_verdict(returned)
    ruling = rule(group(attempts), used, raised)
    holds_together(ruling, attempts)
    assert ruling.attempts == len(attempts)


@given(ATTEMPTS, st.lists(st.tuples(st.sampled_from(["a", "b", ""]), RETURNED), min_size=2, max_size=6), RAISED)
def test_a_batch_has_a_ruling_for_each_item(attempts, items, raised):
    texts, returned = zip(*items, strict=True)
    used = [None if raised else returned_verdict(one) for one in returned]
    rulings = rule_batch(attempts, texts, used, raised)
    assert len(rulings) == len(items)
    for ruling in rulings:
        holds_together(ruling, attempts)


@given(ATTEMPTS)
def test_grouping_loses_no_attempt_and_keeps_their_order(attempts):
    groups = group(attempts)
    assert sorted(id(one) for same in groups for one in same) == sorted(map(id, attempts))
    contents = [attempt.content for attempt in attempts]
    assert [same[0].content for same in groups] == list(dict.fromkeys(contents))
    assert all(one.content == same[0].content for same in groups for one in same)


EVALUATIONS = st.builds(
    lambda ruling, source, judge: Evaluation(
        "train",
        source,
        ruling.outcome,
        ruling.score,
        ruling.disagreed,
        judge,
        ruling.failure,
        ruling.attempts,
        ruling.agreement,
        clue=ruling.clue,
    ),
    st.builds(lambda attempts, used: rule(group(attempts), returned_verdict(used), None), ATTEMPTS, RETURNED),
    st.sampled_from(["gsm8k", "math"]),
    st.sampled_from(["strict", "mild"]),
)


@given(st.lists(EVALUATIONS, min_size=1, max_size=12))
def test_failures_judges_and_sources_add_up(evaluations):
    collector = JudgeMetricsCollector()
    learner = Learner(collector.add_evaluation)
    for evaluation in evaluations:
        learner.add(evaluation)
    learner.settle("train")
    logs = collector.get_wandb_logs()
    failed = sum(value for key, value in logs.items() if key.startswith("judge/failures/"))
    decided = logs["judge/calls"] - logs["judge/undecided"]
    rates = logs.get("judge/parse_failure_rate", 0) + logs.get("judge/api_failure_rate", 0)
    assert failed == round(rates * decided)
    for names in ({"gsm8k", "math"}, {"strict", "mild"}):
        own = [logs[f"judge/{name}/calls"] for name in names if f"judge/{name}/calls" in logs]
        if names == {"gsm8k", "math"} or len({evaluation.judge for evaluation in evaluations}) > 1:
            assert sum(own) == logs["judge/calls"] == len(evaluations)
        else:
            assert own == []


def test_comparisons_wait_for_their_other_order_and_no_longer_than_there_is_room():
    memory = Comparisons()
    assert memory.add(1, Comparison("a or b", "A")) is None
    assert memory.add(2, Comparison("b or a", "A")) is None  # about something else
    assert memory.add(1, Comparison("a or b", "A")) is None  # the same order again
    assert memory.add(1, Comparison("b or a", "A")) is True
    assert memory.add(1, Comparison("a or b", "A")) is None  # a new pair begins
    for number in range(5000):
        memory.add(number, Comparison("x or y", "A"))
    assert len(memory._open) == 1024
