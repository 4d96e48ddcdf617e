"""Gemini by google-genai, Bedrock by boto3, and an endpoint for evaluations by openai: calls, tokens, errors, words."""

import asyncio
import json

import openai
import pytest

from llm_telemetry.clients.translations import as_chat
from tests.support.other_apis import TEXT, gemini, other_apis
from tests.support.trainers import RewardComputer, Trainer, payload_of_work, watch
from tests.support.watching import counted

GEMINI = {"prompt": 90, "completion": 25, "cached": 32}
CLAUDE = {"prompt": 90, "completion": 20}
CONVERSE = {**CLAUDE, "cached": 30, "cache_write": 10}


@pytest.fixture
def served():
    with other_apis() as running:
        yield running


def a_call(tokens, **more):
    return {"calls": 1, "errors": {}, "retries": 0, "no_usage": 0, "tokens": tokens} | more


# --- Gemini


@pytest.fixture
def google(served):
    genai = pytest.importorskip("google.genai")
    with genai.Client(api_key="k", http_options={"base_url": served.url}) as client:
        yield client


ASKED = {"model": "gemini-2.5-flash", "contents": "2 + 2?"}


def test_a_call_of_gemini_is_a_call_with_its_tokens(google, tmp_path):
    answers = []
    payload = payload_of_work(lambda: answers.append(google.models.generate_content(**ASKED).text), tmp_path)
    assert counted(payload) == a_call(GEMINI)
    assert payload["tokens/executor/reasoning"] == 5
    assert (payload["cost/unpriced_calls"], answers) == (0, ["".join(TEXT)])


def test_a_stream_of_gemini_is_a_call(google, tmp_path):
    texts = []
    payload = payload_of_work(
        lambda: texts.extend(chunk.text for chunk in google.models.generate_content_stream(**ASKED)), tmp_path
    )
    assert counted(payload) == a_call(GEMINI)
    assert tuple(texts) == TEXT


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # google-genai's own, of aiohttp
def test_an_async_call_of_gemini_is_a_call(google, tmp_path):
    async def work():
        await google.aio.models.generate_content(**ASKED)
        await google.aio.aclose()

    assert counted(payload_of_work(work, tmp_path)) == a_call(GEMINI)


def test_a_call_that_gemini_refuses_has_its_error(google, served, tmp_path):
    served.server.failing = 1

    def work():
        with pytest.raises(Exception, match="429"):
            google.models.generate_content(**ASKED)

    payload = payload_of_work(work, tmp_path)
    assert counted(payload) == a_call({}, errors={"rate_limit": 1}, no_usage=1) | {
        "no_usage": payload["llm/executor/no_usage"]
    }


# --- Bedrock


@pytest.fixture
def bedrock(served, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 3, "mode": "standard"})
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=served.url,
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=config,
    )
    yield client
    client.close()


SAID = {"modelId": "anthropic.claude-3-haiku", "messages": [{"role": "user", "content": [{"text": "2 + 2?"}]}]}
INVOKED = {"modelId": "anthropic.claude-3-haiku", "body": json.dumps({"messages": [], "max_tokens": 5})}


def test_a_conversation_with_bedrock_is_a_call_with_its_tokens(bedrock, tmp_path):
    assert counted(payload_of_work(lambda: bedrock.converse(**SAID) and None, tmp_path)) == a_call(CONVERSE)


def test_a_stream_of_bedrock_is_a_call(bedrock, tmp_path):
    events = []
    payload = payload_of_work(lambda: events.extend(bedrock.converse_stream(**SAID)["stream"]), tmp_path)
    assert counted(payload) == a_call(CONVERSE)
    assert [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event] == [*TEXT]


def test_a_model_that_is_invoked_is_a_call(bedrock, tmp_path):
    answers = []

    def work():
        answers.append(json.loads(bedrock.invoke_model(**INVOKED)["body"].read()))

    assert counted(payload_of_work(work, tmp_path)) == a_call(CLAUDE)
    assert answers[0]["content"][0]["text"] == "".join(TEXT)


def test_a_body_that_nobody_reads_has_the_tokens_that_the_headers_tell(bedrock, tmp_path):
    payload = payload_of_work(lambda: bedrock.invoke_model(**INVOKED)["body"].close() or None, tmp_path)
    assert counted(payload) == a_call(CLAUDE)


def test_a_stream_of_a_model_that_is_invoked_is_a_call(bedrock, tmp_path):
    events = []
    payload = payload_of_work(
        lambda: events.extend(bedrock.invoke_model_with_response_stream(**INVOKED)["body"]), tmp_path
    )
    assert counted(payload) == a_call(CLAUDE)
    assert len(events) == 4


def test_what_botocore_repeats_by_itself_is_a_retry(bedrock, served, tmp_path):
    served.server.failing = 1
    payload = payload_of_work(lambda: bedrock.converse(**SAID) and None, tmp_path)
    assert counted(payload) == a_call(CONVERSE, retries=1)
    assert len(served.asked) == 2


def test_a_call_that_bedrock_refuses_has_its_error_and_raises_it(bedrock, served, tmp_path):
    served.server.failing = 9

    def work():
        with pytest.raises(bedrock.exceptions.ClientError):
            bedrock.converse(**SAID)

    payload = payload_of_work(work, tmp_path)
    assert payload["llm/executor/errors/rate_limit"] == payload["llm/executor/calls"] == 1
    assert payload["llm/executor/retries"] == 2


# --- evaluations


class Decisions(RewardComputer):
    """A judge as verifiers' `DecisionJudge`: it posts to an endpoint for evaluations."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    def _llm_judge_compare(self, problem, prediction, ground_truth):
        async def ask():
            async with openai.AsyncOpenAI(base_url="http://127.0.0.1:9", api_key="k") as client:
                body = {"model": "jev", "state": {"response": prediction}, "questions": {"grade": {"type": "score"}}}
                return await client.post(self.url, cast_to=object, body=body)

        return asyncio.run(ask())["result"]["answers"]["grade"]["score"] >= 0.5


class Rewarded(Trainer):
    def train_step(self, step):
        self.reward_computer.compute_reward(problem="2 + 2?", prediction="4", ground_truth="4")


def test_a_judge_at_an_endpoint_for_evaluations_has_calls_tokens_and_outcomes(served, tmp_path):
    trainer = Rewarded(reward_computer=Decisions(f"{served.url}/v1/evaluations"))
    telemetry, memory = watch(trainer, tmp_path)
    trainer.train_step(1)
    telemetry.uninstrument()
    payload = memory.last
    assert counted(payload, "judge") == a_call(CLAUDE)
    assert (payload["judge/calls"], payload["judge/success_rate"]) == (1, 1)


# --- their forms


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [], "metadata": {}},
        {"object": "response", "output": [], "metadata": {}, "usage": {"input_tokens": 1}},
        {"type": "message", "content": [], "stop_reason": "end_turn"},
        {"result": "ok"},
        "text",
        None,
        [1],
    ],
    ids=repr,
)
def test_what_is_none_of_them_stays_as_it_is(answer):
    assert as_chat(answer) == answer


@pytest.mark.parametrize(
    "odd",
    [
        {"candidates": None},
        {"candidates": [None, {"content": 3}]},
        {"usageMetadata": []},
        {"stopReason": 1, "output": []},
        {"contentBlockDelta": "x"},
        {"answers": None, "usage": 3},
    ],
    ids=repr,
)
def test_odd_answers_have_no_text_and_no_tokens(odd):
    translated = as_chat(odd)
    assert "usage" not in translated
    assert all(choice["message"]["content"] in ("", "null") for choice in translated["choices"])


def test_an_answer_that_was_blocked_or_cut_says_so():
    ends = [
        as_chat(gemini((), finishReason=end))["choices"][0]["finish_reason"] for end in ("SAFETY", "MAX_TOKENS", "STOP")
    ]
    assert ends == ["content_filter", "length", "stop"]


def test_the_arguments_of_a_tool_are_the_answers_text():
    call = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"correct": True}}}]}}]}
    assert as_chat(call)["choices"][0]["message"]["content"] == '{"correct": true}'
