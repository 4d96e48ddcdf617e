"""This HTTP answer, therefore that payload."""

import asyncio
import json

import pytest

from tests.support.mocking import chat, chat_stream, failure, openai_api, usage
from tests.support.trainers import Executor, Trainer, ask, async_client, train_step, watch

EXECUTOR, JUDGE = "gpt-4o-mini", "gpt-4.1-mini"


def answer_with(executor=None, judge=()):
    """Answer by model, one answer after the other."""
    queues = {EXECUTOR: list(executor), JUDGE: list(judge)}

    def answer(request):
        return queues[json.loads(request.content)["model"]].pop(0)

    return answer


@pytest.fixture
def api():
    with openai_api(assert_all_called=False) as mock:
        yield mock


def payload_of(api, tmp_path, *, executor=None, judge=(), trainer=None, **settings):
    api.post("/chat/completions").side_effect = answer_with(executor or [chat("4")], judge)
    trainer = trainer or Trainer()
    telemetry, memory = watch(trainer, tmp_path, **settings)
    train_step(trainer)
    telemetry.uninstrument()
    return memory.last


HONEST = ("judged_accuracy", "accuracy_low", "accuracy_high")


def test_a_right_answer_is_counted_to_the_token_and_the_cent(api, tmp_path):
    executor = chat("4", usage=usage(1000, 200, cached=400, reasoning=50))
    judge = chat("<true_false>True</true_false>", model=JUDGE, usage=usage(100, 10))
    payload = payload_of(api, tmp_path, executor=[executor], judge=[judge])
    cost = (600 * 0.15 + 400 * 0.075 + 200 * 0.60) / 1e6, (100 * 0.40 + 10 * 1.60) / 1e6
    latencies = [payload.pop(f"llm/{role}/latency_{p}") for role in ("executor", "judge") for p in ("p50", "p95")]
    assert all(latency > 0 for latency in latencies)
    assert payload == {
        "llm_telemetry/step": 1,
        "dataset/gsm8k/accuracy": 100,
        "dataset/gsm8k/count": 1,
        "dataset/gsm8k/failed": 0,
        "dataset/gsm8k/unscored": 0,
        "dataset/gsm8k/avg_reward": 1,
        "dataset/gsm8k/reward_std": 0,
        "dataset/gsm8k/avg_cost": pytest.approx(sum(cost)),
        "dataset/accuracy": 100,
        "dataset/count": 1,
        "dataset/failed": 0,
        "dataset/unscored": 0,
        "dataset/unmatched_rewards": 0,
        "dataset/avg_reward": 1,
        "dataset/reward_std": 0,
        "dataset/avg_cost": pytest.approx(sum(cost)),
        **{f"dataset/{at}{key}": 100 for at in ("", "gsm8k/") for key in HONEST},
        "cost/per_correct_rollout": pytest.approx(sum(cost)),
        **dict.fromkeys(("cost/failed_rollouts", "cost/judge_failures", "cost/retries", "cost/unattributed"), 0),
        "tokens/executor/cache_hit_rate": 0.4,
        **dict.fromkeys(("judge/length_pairs", "judge/gsm8k/length_pairs"), 1),
        "judge/success_rate": 1,
        "judge/parse_failure_rate": 0,
        "judge/api_failure_rate": 0,
        "judge/correct_ratio": 1,
        "judge/correct_count": 1,
        "judge/incorrect_count": 0,
        "judge/calls": 1,
        "judge/undecided": 0,
        "judge/disagreements": 0,
        "judge/attempts_avg": 1,
        "judge/changes": 0,
        "judge/total_calls": 1,
        "judge/gsm8k/success_rate": 1,
        "judge/gsm8k/parse_failure_rate": 0,
        "judge/gsm8k/api_failure_rate": 0,
        "judge/gsm8k/correct_ratio": 1,
        "judge/gsm8k/calls": 1,
        "judge/gsm8k/undecided": 0,
        "cost/total_cost": pytest.approx(sum(cost)),
        "cost/executor_cost": pytest.approx(cost[0]),
        "cost/judge_cost": pytest.approx(cost[1]),
        "cost/step_cost": pytest.approx(sum(cost)),
        "cost/total_samples": 1,
        "cost/avg_cost_per_sample": pytest.approx(sum(cost)),
        "cost/executor_calls": 1,
        "cost/judge_calls": 1,
        "cost/unpriced_calls": 0,
        "cost/unmetered_calls": 0,
        "tokens/executor/prompt": 1000,
        "tokens/executor/completion": 200,
        "tokens/executor/cached": 400,
        "tokens/executor/reasoning": 50,
        "tokens/judge/prompt": 100,
        "tokens/judge/completion": 10,
        "tokens/total": 1310,
        "llm/executor/calls": 1,
        "llm/executor/errors": 0,
        "llm/executor/retries": 0,
        "llm/executor/no_usage": 0,
        "llm/judge/calls": 1,
        "llm/judge/errors": 0,
        "llm/judge/retries": 0,
        "llm/judge/no_usage": 0,
        "llm/judge/unplaced_share": 0,
        "telemetry/errors": 0,
    }


@pytest.mark.parametrize(
    ("judge", "outcome"),
    [
        pytest.param([chat("<true_false>True</true_false>")], "correct", id="tag"),
        pytest.param([chat("<true_false>False</true_false>")], "incorrect", id="negative-tag"),
        pytest.param([chat('{"correct": true}')], "correct", id="json"),
        pytest.param([chat("I would rather talk about the weather.")], "undecided", id="prose"),
        pytest.param([chat("<think>Let me see, 2 + 2", finish="length")], "parse_failure", id="cut-off"),
        pytest.param([chat("")], "api_failure", id="empty"),
        pytest.param([chat(None)], "api_failure", id="null"),
        pytest.param([chat("x", choices=[])], "api_failure", id="no-choices"),
        pytest.param([failure(500), failure(500)], "api_failure", id="server-error"),
        pytest.param([failure(429), chat("<true_false>True</true_false>")], "correct", id="after-a-retry"),
    ],
)
def test_an_evaluation_has_one_outcome(api, tmp_path, judge, outcome):
    payload = payload_of(api, tmp_path, judge=judge)
    assert payload["judge/calls"] == 1
    rates = {
        "parse_failure": payload.get("judge/parse_failure_rate", 0),
        "api_failure": payload.get("judge/api_failure_rate", 0),
        "undecided": payload["judge/undecided"],
    }
    rates |= {"correct": payload["judge/correct_count"], "incorrect": payload["judge/incorrect_count"]}
    assert [name for name, share in rates.items() if share] == [outcome]


def test_the_sdk_s_own_retries_are_seen(api, tmp_path):
    payload = payload_of(api, tmp_path, executor=[failure(429), failure(500), chat("4")], judge=[chat("true")])
    assert payload["llm/executor/calls"] == 1
    assert payload["llm/executor/retries"] == 2
    assert payload["llm/executor/errors"] == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limit"), (503, "server"), (401, "auth"), (403, "auth"), (400, "bad_request"), (404, "bad_request")],
)
def test_an_error_has_a_kind_and_its_rollout_is_failed_and_wrong(api, tmp_path, status, kind):
    payload = payload_of(api, tmp_path, executor=[failure(status)] * 3)
    assert payload["llm/executor/errors"] == payload[f"llm/executor/errors/{kind}"] == 1
    assert payload["dataset/gsm8k/failed"] == payload["dataset/gsm8k/count"] == 1
    assert payload["dataset/gsm8k/accuracy"] == 0
    assert "dataset/gsm8k/avg_reward" not in payload


def test_a_stream_with_usage_is_counted(api, tmp_path):
    async def work(problem):
        stream = await ask(problem, stream=True, stream_options={"include_usage": True})
        text = "".join([chunk.choices[0].delta.content async for chunk in stream if chunk.choices])
        return text, 0, {"success": True}

    stream = chat_stream("4", "2", tokens=usage(7, 3))
    trainer = Trainer(executor=Executor(work))
    payload = payload_of(api, tmp_path, executor=[stream], judge=[chat("true")], trainer=trainer)
    assert (payload["tokens/executor/prompt"], payload["tokens/executor/completion"]) == (7, 3)
    assert payload["llm/executor/no_usage"] == 0


def test_a_stream_without_usage_is_unknown_and_not_zero(api, tmp_path):
    async def work(problem):
        async for _ in await ask(problem, stream=True):
            pass
        return "4", 0, {"success": True}

    trainer = Trainer(executor=Executor(work))
    payload = payload_of(api, tmp_path, executor=[chat_stream("4")], judge=[chat("true")], trainer=trainer)
    assert payload["llm/executor/no_usage"] == 1
    assert "tokens/executor/prompt" not in payload
    assert "cost/executor_cost" not in payload


def test_a_stream_that_is_broken_off_is_one_call_without_usage(api, tmp_path):
    async def work(problem):
        async with await ask(problem, stream=True) as stream:
            async for _ in stream:
                break
        return "4", 0, {"success": True}

    trainer = Trainer(executor=Executor(work))
    payload = payload_of(api, tmp_path, executor=[chat_stream("4", "2", "1")], judge=[chat("true")], trainer=trainer)
    assert payload["llm/executor/calls"] == payload["llm/executor/no_usage"] == 1
    assert payload["llm/executor/errors"] == 0


def test_a_cancelled_call_is_counted_as_cancelled(api, tmp_path):
    async def work(problem):
        await asyncio.wait_for(ask(problem), 0.05)

    async def hang(request):
        await asyncio.sleep(5)

    trainer = Trainer(executor=Executor(work))
    api.post("/chat/completions").side_effect = hang
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    telemetry.uninstrument()
    assert memory.last["llm/executor/errors/cancelled"] == 1
    assert memory.last["dataset/gsm8k/failed"] == 1


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"usage": None}, id="null"),
        pytest.param({"usage": {"prompt_tokens": "12", "completion_tokens": None}}, id="wrong-types"),
        pytest.param({"usage": {"tokens": 12}}, id="other-names"),
        pytest.param({"usage": [1, 2]}, id="a-list"),
        pytest.param({"usage": {"prompt_tokens": -1, "completion_tokens": True}}, id="nonsense"),
    ],
)
def test_odd_usage_is_unknown_and_disturbs_nobody(api, tmp_path, odd):
    payload = payload_of(api, tmp_path, executor=[chat("4", **odd)], judge=[chat("true")])
    assert payload["llm/executor/no_usage"] == 1
    assert payload["dataset/gsm8k/accuracy"] == 100
    assert "tokens/executor/prompt" not in payload


@pytest.mark.parametrize("name", ["/checkpoints/gpt-4o-mini", "Qwen/Qwen2.5-7B-Instruct", "policy-step-100"])
def test_a_model_without_a_known_price_is_counted_and_not_priced_at_zero(api, tmp_path, name):
    async def work(problem):
        async with async_client() as client:
            await client.chat.completions.create(model=name, messages=[])
        return "4", 0, {"success": True}

    api.post("/chat/completions").side_effect = [chat("4", model=name), chat("true", model=JUDGE)]
    trainer = Trainer(executor=Executor(work))
    _, memory = watch(trainer, tmp_path)
    train_step(trainer)
    assert memory.last["cost/unpriced_calls"] == 1
    assert "cost/executor_cost" not in memory.last
    assert memory.last["cost/total_cost"] == memory.last["cost/judge_cost"] > 0


def test_own_prices_are_per_million_tokens(api, tmp_path):
    answer = chat("4", usage=usage(1000, 200, cached=400))
    prices = {"gpt-4o-mini": {"input": 2, "cached": 1, "output": 8}}
    payload = payload_of(api, tmp_path, executor=[answer], judge=[chat("true", model=JUDGE)], prices=prices)
    assert payload["cost/executor_cost"] == pytest.approx((600 * 2 + 400 * 1 + 200 * 8) / 1e6)
