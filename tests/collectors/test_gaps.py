"""What was not seen is told once, with its share, and only when it is most of all."""

import pytest

from llm_telemetry.collectors.gaps import Gaps
from llm_telemetry.events import Payload


def look(*payloads, has_executor=True):
    gaps = Gaps()
    gaps.has_executor = has_executor
    for step, values in enumerate(payloads):
        gaps.look(Payload(step, "train", values, {}, 0.0))


def test_rollouts_without_a_call_are_told_once_with_their_share(caplog):
    look({"dataset/count": 8}, {"dataset/count": 8})
    (message,) = caplog.messages
    assert "not one LLM call was seen in 8 of 8 rollouts (100 %)" in message


def test_rollouts_in_which_only_the_judge_called_are_told_as_what_they_are(caplog):
    look({"dataset/count": 8, "llm/judge/calls": 8})
    (message,) = caplog.messages
    assert "not one LLM call but the judge's was seen in 8 of 8 rollouts (100 %)" in message


def test_rollouts_that_nobody_executes_lack_nothing_where_their_judge_was_heard(caplog):
    look({"dataset/count": 8, "llm/judge/calls": 8}, has_executor=False)
    assert caplog.messages == []


def test_calls_without_tokens_are_told_once_with_their_share(caplog):
    streams = {"dataset/count": 10, "llm/executor/calls": 10, "llm/executor/no_usage": 6}
    look(streams, streams)
    (message,) = caplog.messages
    assert "6 of 10 LLM calls (60 %) did not tell their tokens" in message
    assert "include_usage" in message


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param([{"dataset/count": 7}], id="too few to say"),
        pytest.param([{"dataset/count": 50, "llm/policy/calls": 50, "llm/policy/no_usage": 25}], id="half"),
        pytest.param([{"dataset/count": 8, "llm/executor/calls": 9}, {"dataset/count": 8}], id="not most"),
        pytest.param([{}], id="nothing"),
    ],
)
def test_less_than_most_is_not_told(caplog, payloads):
    look(*payloads)
    assert caplog.messages == []
