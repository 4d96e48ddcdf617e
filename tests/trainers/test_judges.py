"""What a judge's answers come to: why there is no verdict, how often it was asked, what is read of structured ones."""

import asyncio
import contextlib
import json

import httpx
import pytest
from pydantic import BaseModel

from llm_telemetry.clients.replies import replies_of
from tests.support.asked_judges import (
    MESSAGES,
    Computer,
    answers,
    ask,
    failures_in,
    judged_by,
    reward_each,
    says_yes,
    text_of,
)
from tests.support.bodies import completion, response, response_body
from tests.support.loops import GSM, Items, Loop, payload_of
from tests.support.mocking import chat, chat_body, chat_stream, failure, openai_api
from tests.support.sdk import need
from tests.support.trainers import async_client, sync_client

# --- why there is no verdict


def refused(**message):
    return chat(message={"role": "assistant", "content": None, **message})


@pytest.mark.parametrize(
    ("answer", "outcome", "kind"),
    [
        (failure(429), "api", "rate_limit"),
        (failure(408), "api", "timeout"),
        (failure(503), "api", "server"),
        (failure(401), "api", "auth"),
        (failure(404), "api", "bad_request"),
        (httpx.Response(400, json={"error": {"message": "no", "code": "content_filter"}}), "api", "content_filter"),
        (httpx.ConnectError("no"), "api", "connection"),
        (httpx.ReadTimeout("no"), "api", "timeout"),
        (chat(""), "api", "empty"),
        (chat(" \n"), "api", "empty"),
        (refused(refusal="I cannot help with that."), "api", "refusal"),
        (chat("", finish="content_filter"), "api", "content_filter"),
        (chat("Let me see, the answer", finish="content_filter"), "api", "content_filter"),
        (chat("Let us compare the two, step by step: first", finish="length"), "parse", "truncated"),
        (chat("<think>it is true, because"), "parse", "unclosed_think"),
    ],
)
def test_a_failure_has_a_kind(api, tmp_path, answer, outcome, kind):
    api.post("/chat/completions").side_effect = [answer]
    payload = judged_by(tmp_path, lambda _: says_yes(ask()))
    assert failures_in(payload) == {kind: 1}
    assert payload[f"judge/{outcome}_failure_rate"] == 1


def test_a_judge_of_known_words_that_says_others_gave_no_verdict(api, tmp_path):
    answers(api, chat("true"), chat("What a nice day."))
    trainer = Loop(reward_each, reward=Computer(lambda _: says_yes(ask())), data=Items(GSM, times=2))
    payload = payload_of(trainer, tmp_path)
    assert failures_in(payload) == {"no_verdict": 1}
    assert (payload["judge/parse_failure_rate"], payload["judge/undecided"]) == (0.5, 0)


def test_a_reply_of_which_nobody_knows_whether_it_was_read_is_in_no_rate(api, tmp_path):
    answers(api, chat("What a nice day."))
    payload = judged_by(tmp_path, lambda _: says_yes(ask()))
    assert (payload["judge/calls"], payload["judge/undecided"]) == (1, 1)
    assert failures_in(payload) == {}
    assert not {key for key in payload if key.startswith("judge/") and key.endswith(("_rate", "_ratio"))}


def test_failures_add_up_to_the_evaluations_without_a_verdict(api, tmp_path):
    answers(api, chat("true"), failure(429), chat(""), chat("Hm."), chat("false"))
    trainer = Loop(reward_each, reward=Computer(lambda _: says_yes(ask())), data=Items(GSM, times=5))
    payload = payload_of(trainer, tmp_path)
    assert failures_in(payload) == {"rate_limit": 1, "empty": 1, "no_verdict": 1}
    assert payload["judge/api_failure_rate"] == pytest.approx(2 / 5)
    assert payload["judge/parse_failure_rate"] == pytest.approx(1 / 5)


def test_an_evaluation_that_is_cancelled_is_an_api_failure_of_that_kind(tmp_path):
    async def hang(_request):
        await asyncio.sleep(60)

    class Patient:
        async def compute_reward(self, problem, prediction):
            return float(await asyncio.wait_for(self.judge_answer(prediction), 0.05))

        async def judge_answer(self, prediction):
            async with async_client() as client:
                return await client.chat.completions.create(model="m", messages=MESSAGES)

    async def body(trainer):
        with contextlib.suppress(asyncio.TimeoutError):
            await trainer.reward.compute_reward("?", "4")

    with openai_api(assert_all_called=False) as api:
        api.post("/chat/completions").side_effect = hang
        payload = payload_of(Loop(body, reward=Patient()), tmp_path)
    assert failures_in(payload) == {"cancelled": 1}


def test_a_judge_that_raises_without_a_call_tells_by_its_exception_why(tmp_path):
    def judge(_):
        raise httpx.ConnectTimeout("no")

    assert failures_in(judged_by(tmp_path, judge)) == {"timeout": 1}


def test_a_judge_function_that_raises_on_a_readable_answer_found_no_verdict(api, tmp_path):
    answers(api, chat("true"))
    payload = judged_by(tmp_path, lambda _: json.loads(text_of(ask()))["verdict"])
    assert failures_in(payload) == {"no_verdict": 1}


def test_the_last_attempt_counts_and_attempts_are_told_apart_from_evaluations(api, tmp_path):
    answers(api, chat(""), chat("true"))

    def judge(_):
        first = ask()
        return says_yes(first if text_of(first) else ask())

    payload = judged_by(tmp_path, judge)
    assert (payload["judge/success_rate"], payload["judge/calls"], payload["judge/attempts_avg"]) == (1, 1, 2)
    assert failures_in(payload) == {}


def test_an_evaluation_that_made_no_call_has_no_share_in_the_attempts(api, tmp_path):
    answers(api, chat("true"))
    trainer = Loop(
        lambda trainer: [trainer.reward.compute_reward("?", prediction) for prediction in ("exact", "4")],
        reward=Computer(lambda prediction: prediction == "exact" or says_yes(ask())),
    )
    payload = payload_of(trainer, tmp_path)
    assert (payload["judge/calls"], payload["judge/attempts_avg"]) == (2, 1)


# --- structured output


def test_what_a_server_has_parsed_is_an_answer():
    message = {"role": "assistant", "content": None, "parsed": {"correct": True, "reason": "same"}}
    (reply,) = replies_of(chat_body(message=message))
    assert json.loads(reply.text)["correct"] is True


def test_structured_output_is_read_off_parse(api, tmp_path):
    class Verdict(BaseModel):
        correct: bool

    answers(api, chat('{"correct": false}'))

    def judge(_):
        with sync_client() as client:
            resource = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
            parsed = resource(model="gpt-4o-mini", messages=MESSAGES, response_format=Verdict)
        return parsed.choices[0].message.parsed

    payload = judged_by(tmp_path, judge)
    assert (payload["judge/incorrect_count"], payload["judge/disagreements"]) == (1, 0)


def test_the_arguments_of_a_tool_call_are_an_answer(api, tmp_path):
    function = {"name": "verdict", "arguments": '{"is_correct": true}'}
    call = {"id": "t", "type": "function", "function": function}
    answers(api, refused(tool_calls=[call]))
    payload = judged_by(tmp_path, lambda _: bool(ask().choices[0].message.tool_calls))
    assert payload["judge/correct_count"] == 1


def refusal_item():
    body = response_body()
    body["output"][0]["content"] = [{"type": "refusal", "refusal": "No."}]
    return httpx.Response(200, json=body)


def incomplete(reason):
    body = response_body("The answer", status="incomplete")
    return httpx.Response(200, json={**body, "incomplete_details": {"reason": reason}})


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        (response("true"), {}),
        (refusal_item(), {"refusal": 1}),
        (incomplete("max_output_tokens"), {"truncated": 1}),
        (incomplete("content_filter"), {"content_filter": 1}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_responses_api_is_read_too(api, tmp_path, answer, kinds, stream):
    event = {"type": "response.completed", "sequence_number": 1, "response": answer.json()}
    streamed = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=f"data: {json.dumps(event)}\n\n".encode()
    )
    need(sync_client(), "responses")
    api.post("/responses").return_value = streamed if stream else answer

    def judge(_):
        with sync_client() as client:
            told = client.responses.create(model="gpt-4o-mini", input="?", stream=stream)
            return list(told) is not None if stream else told.output_text == "true"

    payload = judged_by(tmp_path, judge)
    assert failures_in(payload) == kinds


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_judge_whose_answer_is_fetched_later_has_not_failed(api, tmp_path, status):
    """`background=True`: the request is answered at once, by a response without an output; polling gives the answer."""
    need(sync_client(), "responses")
    waiting = {**response_body(status=status, tokens=None), "output": []}
    api.post("/responses").return_value = httpx.Response(200, json=waiting)
    api.get("/responses/r").return_value = response("true")

    def judge(_):
        with sync_client() as client:
            told = client.responses.create(model="gpt-4o-mini", input="?", background=True)
            return client.responses.retrieve(told.id).output_text == "true"

    payload = judged_by(tmp_path, judge)
    assert failures_in(payload) == {}
    assert (payload["judge/calls"], payload["judge/correct_count"]) == (1, 1)


def test_a_streamed_answer_is_read_and_a_refusal_in_a_stream_too(api, tmp_path):
    api.post("/chat/completions").side_effect = [chat_stream("tr", "ue")]
    payload = judged_by(tmp_path, lambda _: list(ask(stream=True)) is not None)
    assert payload["judge/correct_count"] == 1
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk["choices"] = [{"index": 0, "delta": {"refusal": "No."}}]
    refusing = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=f"data: {json.dumps(chunk)}\n\n".encode()
    )
    api.post("/chat/completions").side_effect = [refusing]
    payload = judged_by(tmp_path, lambda _: list(ask(stream=True)) is None)
    assert failures_in(payload) == {"refusal": 1}


def test_a_legacy_completion_is_read(api, tmp_path):
    api.post("/completions").return_value = completion("correct")

    def judge(_):
        with sync_client() as client:
            return client.completions.create(model="m", prompt="?").choices[0].text == "correct"

    assert judged_by(tmp_path, judge)["judge/correct_count"] == 1
