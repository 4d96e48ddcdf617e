"""What a flush takes of ours, counted and not timed: bytecodes, which no load of the machine changes."""

from llm_telemetry.events import Call, Evaluation, Judged, Rollout, Usage
from llm_telemetry.runs.place import Place
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config
from llm_telemetry.sinks.jsonl import JsonlSink
from tests.support.bytecodes import COUNTED, bytecodes

pytestmark = COUNTED

ROLLOUTS = 64
JUDGED, BARE = 20_050, 12_280
"""Bytecodes a flush of 64 rollouts at most; some 3 in 100 more than there are in Python 3.11."""


def judged_rollouts():
    """Rollouts of one source with three calls of the executor, one of the judge and a verdict each."""
    for number in range(ROLLOUTS):
        key, judged, right = (1, number), (2, number), number % 3 > 0
        for role, of in (("executor", None), ("executor", None), ("executor", None), ("judge", judged)):
            usage, latency = Usage(10 + number, 5), 0.01 * (1 + number % 20)
            yield Call(role, "train", "sums", "gpt-4o-mini", "gpt-4o-mini", usage, None, 0, latency, True, key, of)
        outcome, answer = "correct" if right else "incorrect", Judged(number, 30 * number, False)
        yield Evaluation("train", "sums", outcome, None, False, attempts=1, rollout=key, key=judged, judged=answer)
        yield Rollout("train", "sums", float(right), failed=False, group=number // 4, keys=(key,))


def bare_rollouts():
    """Rollouts of two sources of which nothing but the reward is known."""
    for number in range(ROLLOUTS):
        source, group = ("sums", "capitals")[number // 4 % 2], number // 4
        yield Rollout("train", source, number % 3 / 2, failed=False, group=group, parts=(("score", number % 3 / 2),))


def flush_of(rollouts, tmp_path):
    """Return the bytecodes of the second flush of such rollouts: what is looked up once is known by then."""
    config = Config(folder=tmp_path, run=False)
    session = Session(config, [JsonlSink(Place(config, None))])
    for step in (1, 2):
        for event in rollouts():
            session.record(event)
        session.counted()
        if step == 1:
            session.flush(Phase("train", step))
    count = bytecodes(lambda: session.flush(Phase("train", 2)))
    assert session.latest["train"].values["dataset/count"] == ROLLOUTS
    session.close()
    return count


def test_the_flush_of_judged_rollouts_takes_few_bytecodes(tmp_path):
    assert 0 < flush_of(judged_rollouts, tmp_path) <= JUDGED


def test_the_flush_of_rollouts_without_calls_takes_few_bytecodes(tmp_path):
    assert 0 < flush_of(bare_rollouts, tmp_path) <= BARE
