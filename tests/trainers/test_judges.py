"""What a judge's answers come to: why it failed, how often it was asked, how sure it was; whatever its shape."""

import asyncio
import contextlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import openai
import pytest
from pydantic import BaseModel

from llm_telemetry import InstrumentError
from llm_telemetry.clients.replies import replies_of
from tests.support.bodies import completion, response, response_body
from tests.support.loops import GSM, Items, Loop, payload_of
from tests.support.mocking import chat, chat_body, chat_stream, failure, openai_api
from tests.support.sdk import need
from tests.support.trainers import async_client, sync_client

MESSAGES = [{"role": "user", "content": "Is it right?"}]


@pytest.fixture
def api():
    with openai_api() as api:
        yield api


def answers(api, *responses):
    """Give these answers one after another; the last one for good."""
    queue = list(responses)
    api.post("/chat/completions").side_effect = lambda _: queue.pop(0) if len(queue) > 1 else queue[0]


def ask(content="Is it right?", **settings):
    with sync_client(max_retries=0) as client:
        return client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": content}], **settings
        )


def text_of(response):
    return response.choices[0].message.content or ""


def says_yes(response):
    return "true" in text_of(response).lower()


class Computer:
    """A reward computer whose judge is `judge(prediction)`; a judge that raises is a wrong answer, as ever."""

    def __init__(self, judge):
        self.ask_it = judge

    def compute_reward(self, problem, prediction, source=None):
        with contextlib.suppress(Exception):
            return float(self._llm_judge_compare(prediction) or 0)
        return 0.0

    def _llm_judge_compare(self, prediction):
        return self.ask_it(prediction)


def reward_each(trainer):
    for item in trainer.data.sample_batch():
        trainer.reward.compute_reward(item["problem"], "4", source=item["source"])


def judged_by(tmp_path, judge, **settings):
    """The payload of a step in which one item is judged."""
    trainer = Loop(reward_each, reward=Computer(judge), data=Items(GSM))
    return payload_of(trainer, tmp_path, **settings)


def failures_in(payload):
    return {key.removeprefix("judge/failures/"): v for key, v in payload.items() if key.startswith("judge/failures/")}


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


# --- votes


def several(*texts):
    """One response with several samples."""
    choices = [
        {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for i, text in enumerate(texts)
    ]
    return chat(choices=choices)


def test_samples_of_one_request_are_a_vote_with_an_agreement_rate(api, tmp_path):
    answers(api, several("true", "false", "true", "true"))
    payload = judged_by(tmp_path, lambda _: True)  # makes no call
    assert "judge/agreement_rate" not in payload
    payload = judged_by(tmp_path, lambda _: ask(n=4) is not None)
    assert payload["judge/agreement_rate"] == pytest.approx(3 / 4)
    assert (payload["judge/calls"], payload["judge/disagreements"], payload["judge/attempts_avg"]) == (1, 0, 1)


def by_loop(count):
    return [text_of(ask()) for _ in range(count)]


def by_pool(count):
    with ThreadPoolExecutor(count) as pool:
        return [text_of(one) for one in pool.map(lambda _: ask(), range(count))]


def by_gather(count):
    async def one():
        async with async_client(max_retries=0) as client:
            return text_of(await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES))

    async def all_at_once():
        return await asyncio.gather(*(one() for _ in range(count)))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, all_at_once()).result()


@pytest.mark.parametrize("ask_all", [by_loop, by_pool, by_gather])
def test_the_same_request_made_several_times_is_a_vote(api, tmp_path, ask_all):
    answers(api, chat("true"), chat("false"), chat("false"), chat("What a day."), chat("false"))
    payload = judged_by(tmp_path, lambda _: ask_all(5).count("true") > 2)
    assert payload["judge/agreement_rate"] == pytest.approx(3 / 4)  # of those that can be read
    assert (payload["judge/incorrect_count"], payload["judge/attempts_avg"]) == (1, 5)
    assert payload["judge/disagreements"] == 0


def test_a_verdict_against_the_majority_is_a_disagreement_and_a_tie_is_none(api, tmp_path):
    answers(api, chat("false"), chat("true"), chat("false"))
    assert judged_by(tmp_path, lambda _: "true" in by_loop(3))["judge/disagreements"] == 1
    answers(api, chat("false"), chat("true"))
    payload = judged_by(tmp_path, lambda _: "false" in by_loop(2))
    assert (payload["judge/disagreements"], payload["judge/agreement_rate"]) == (0, 0.5)


def test_one_sample_that_cannot_be_read_does_not_make_the_vote_fail(api, tmp_path):
    answers(api, chat("true"), chat(""))
    payload = judged_by(tmp_path, lambda _: "true" in by_loop(2))
    assert (payload["judge/correct_count"], failures_in(payload)) == (1, {})


# --- comparisons


def compare(first, second):
    return text_of(ask(f"Which is better?\n[A]\n{first}\n[B]\n{second}\nReply [[A]], [[B]] or [[C]].")).strip("[]")


@pytest.mark.parametrize(
    ("said", "flips"),
    [(("[[A]]", "[[B]]"), 0), (("[[A]]", "[[A]]"), 1), (("[[C]]", "[[C]]"), 0), (("[[C]]", "[[B]]"), 1)],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_comparison_asked_in_both_orders_tells_whether_its_position_decides(api, tmp_path, said, flips, together):
    answers(api, *map(chat, said))

    def both_at_once(_):
        return compare("four", "a 4") == "A" and compare("a 4", "four") == "B"

    class Apart:
        def compute_reward(self, problem, prediction):
            return 0.5 * self.judge_pair("four", "a 4") + 0.5 * (not self.judge_pair("a 4", "four"))

        def judge_pair(self, answer_a, answer_b):
            return compare(answer_a, answer_b) == "A"

    computer = Computer(both_at_once) if together else Apart()
    payload = payload_of(Loop(reward_each if together else reward_twice, reward=computer, data=Items(GSM)), tmp_path)
    if together and said[0] != "[[A]]":
        assert "judge/position_flip_rate" not in payload  # the second order was never asked
    else:
        assert payload["judge/position_flip_rate"] == flips


def reward_twice(trainer):
    trainer.reward.compute_reward("?", "4")


def test_what_a_turned_comparison_says_is_no_disagreement(api, tmp_path):
    answers(api, chat("[[A]]"), chat("[[B]]"))
    payload = judged_by(tmp_path, lambda _: (compare("four", "a 4"), compare("a 4", "four")) == ("A", "B"))
    assert (payload["judge/correct_count"], payload["judge/disagreements"]) == (1, 0)


def test_two_rollouts_with_the_same_words_in_another_order_are_not_one_comparison(api, tmp_path):
    answers(api, chat("[[A]]"), chat("[[A]]"))
    trainer = Loop(
        lambda trainer: [trainer.reward.compute_reward("?", prediction) for prediction in ("(3, 4)", "(4, 3)")],
        reward=Computer(lambda prediction: text_of(ask(f"Is {prediction} right? [[A]] yes, [[B]] no")) == "[[A]]"),
    )
    payload = payload_of(trainer, tmp_path)
    assert "judge/position_flip_rate" not in payload
    assert payload["judge/correct_count"] == 2


# --- batches


ITEMS = {"problems": ["1", "2", "3", "4"], "predictions": ["a?", "b?", "c?", "d?"], "sources": ["x", "x", "y", "y"]}


class Batch:
    """Judges a whole batch at once."""

    def __init__(self, judge):
        self.ask_it = judge

    def compute_rewards(self, problems, predictions, sources):
        return [float(one or 0) for one in self.judge_all(problems, predictions, sources)]

    def judge_all(self, problems, predictions, sources):
        return self.ask_it(predictions)


def judged_together(tmp_path, judge):
    def body(trainer):
        with contextlib.suppress(openai.APIError):
            trainer.reward.compute_rewards(**ITEMS)

    return payload_of(Loop(body, reward=Batch(judge), data=Items(GSM)), tmp_path)


def test_one_call_that_judges_a_batch_is_an_evaluation_for_each_item(api, tmp_path):
    answers(api, chat("[true, false, true, null]"))
    payload = judged_together(tmp_path, lambda _: json.loads(text_of(ask())))
    assert (payload["judge/calls"], payload["judge/correct_count"], payload["judge/incorrect_count"]) == (4, 2, 1)
    assert failures_in(payload) == {"no_verdict": 1}
    assert (payload["judge/x/calls"], payload["judge/y/calls"], payload["judge/attempts_avg"]) == (2, 2, 1)
    assert payload["judge/y/parse_failure_rate"] == 0.5
    assert payload["llm/judge/calls"] == 1


@pytest.mark.parametrize("handled", [True, False])
def test_one_call_that_fails_is_a_failure_of_the_whole_batch(api, tmp_path, handled):
    answers(api, failure(429))

    def judge(predictions):
        try:
            return json.loads(text_of(ask()))
        except openai.APIError:
            if handled:
                return [False] * len(predictions)
            raise

    payload = judged_together(tmp_path, judge)
    assert (payload["judge/calls"], payload["judge/api_failure_rate"]) == (4, 1)
    assert failures_in(payload) == {"rate_limit": 4}


def test_a_batch_with_a_call_for_each_item_knows_which_one_failed(api, tmp_path):
    answers(api, chat("true"), failure(500), chat("Hm."), chat("false"))

    def judge(predictions):
        return [one_by_one(prediction) for prediction in predictions]

    payload = judged_together(tmp_path, judge)
    assert (payload["judge/correct_count"], payload["judge/incorrect_count"]) == (1, 1)
    assert failures_in(payload) == {"server": 1, "no_verdict": 1}
    assert (payload["judge/x/api_failure_rate"], payload["judge/y/parse_failure_rate"]) == (0.5, 0.5)


def test_a_batch_in_chunks_knows_which_items_shared_the_call_that_failed(api, tmp_path):
    answers(api, chat("[true, true]"), failure(503))

    def judge(predictions):
        def two(chunk):
            with contextlib.suppress(openai.APIError):
                return json.loads(text_of(ask(f"Are {chunk} right?")))
            return [False, False]

        return [*two(predictions[:2]), *two(predictions[2:])]

    payload = judged_together(tmp_path, judge)
    assert (payload["judge/x/success_rate"], payload["judge/y/api_failure_rate"]) == (1, 1)


def test_items_that_are_alike_have_a_call_each(api, tmp_path):
    answers(api, chat("true"), chat("true"), failure(500), chat("true"))
    payload = judged_together(tmp_path, lambda predictions: [one_by_one("the same") for _ in predictions])
    assert (payload["judge/correct_count"], failures_in(payload)) == (3, {"server": 1})
    assert payload["judge/y/api_failure_rate"] == 0.5


def one_by_one(prediction):
    with contextlib.suppress(openai.APIError):
        return says_yes(ask(f"Is {prediction} right?"))
    return False


def test_items_of_a_batch_that_need_no_call_have_none_of_the_failures(api, tmp_path):
    answers(api, chat("true"), failure(500))
    payload = judged_together(
        tmp_path, lambda predictions: [one in ("a?", "c?") or one_by_one(one) for one in predictions]
    )
    assert payload["judge/correct_count"] == 3
    assert (payload["judge/y/api_failure_rate"], payload["judge/x/success_rate"]) == (0.5, 1)


def test_an_item_of_a_batch_that_is_asked_again_has_two_attempts(api, tmp_path):
    def judge(predictions):
        return [text_of(ask(f"Is {one}?")) == "true" or text_of(ask(f"Is {one}?")) == "true" for one in predictions]

    def body(trainer):
        trainer.reward.compute_rewards(**ITEMS)

    answers(api, chat("true"), chat(""), chat("true"), chat("true"), chat("true"))
    payload = payload_of(Loop(body, reward=Batch(judge), data=Items(GSM)), tmp_path)
    assert (payload["judge/correct_count"], payload["judge/attempts_avg"]) == (4, 1.25)


def test_a_judge_that_is_given_a_list_and_returns_one_verdict_is_one_evaluation(api, tmp_path):
    class Chooser:
        def compute_reward(self, problem, prediction):
            return float(self.judge_best([prediction, "four"]) == "A")

        def judge_best(self, answers):
            return text_of(ask(f"Which of {answers}?")).strip("[]")

    answers(api, chat("[[A]]"))
    payload = payload_of(Loop(reward_twice, reward=Chooser(), data=Items(GSM)), tmp_path)
    assert (payload["judge/calls"], payload["judge/correct_count"]) == (1, 1)


# --- any judge


def judge_by_function(prediction):
    return says_yes(ask(f"Is {prediction} right?"))


def reward_by_function(problem, prediction, source=None):
    return float(judge_by_function(prediction))


class JudgeObject:
    def __call__(self, problem, prediction):
        return says_yes(ask(f"Is {prediction} right?"))


class HoldsAJudge:
    def __init__(self, judge):
        self.answer_judge = judge

    def compute_reward(self, problem, prediction, source=None):
        return float(self.answer_judge(problem, prediction))


def reward_by_attribute(trainer):
    trainer.reward_fn("?", "4")


@pytest.mark.parametrize(
    ("trainer", "settings"),
    [
        (lambda: Loop(reward_by_attribute, reward_fn=reward_by_function), {}),
        (lambda: Loop(reward_by_attribute, reward_fn=reward_by_function), {"judge": judge_by_function}),
        (lambda: Loop(reward_twice, reward=HoldsAJudge(JudgeObject())), {}),
        (lambda: Loop(reward_twice, reward=HoldsAJudge(lambda _, prediction: judge_by_function(prediction))), {}),
        (lambda: Loop(reward_twice, reward=HoldsAJudge(JudgeObject())), {"judge": "answer_judge"}),
        (lambda: Loop(reward_by_attribute, reward_fn=reward_by_function), {"judge": "reward_fn"}),
    ],
    ids=[
        "beside the reward function",
        "function",
        "object on it",
        "function on it",
        "named object",
        "the reward itself",
    ],
)
def test_a_judge_of_any_shape_is_found_or_can_be_named(api, tmp_path, trainer, settings):
    answers(api, chat("true"))
    payload = payload_of(trainer(), tmp_path, **settings)
    assert (payload["judge/calls"], payload["judge/correct_count"], payload["dataset/accuracy"]) == (1, 1, 100)
    assert payload["llm/judge/calls"] == 1


def test_a_judge_object_that_is_handed_in_is_watched(api, tmp_path):
    answers(api, chat("true"))
    judge = JudgeObject()
    trainer = Loop(lambda trainer: trainer.reward.compute_reward("?", "4"), reward=HoldsAJudge(judge))
    assert payload_of(trainer, tmp_path, judge=judge)["judge/correct_count"] == 1


class TwoJudges:
    def compute_reward(self, problem, prediction, source=None):
        return float(self._judge_math(prediction) and self._judge_style(prediction))

    def _judge_math(self, prediction):
        return says_yes(ask(f"Is {prediction} right?"))

    def _judge_style(self, prediction):
        return says_yes(ask(f"Is {prediction} nice?"))


def test_several_judges_have_keys_of_their_own(api, tmp_path):
    answers(api, chat("true"), chat(""))
    payload = payload_of(Loop(reward_each, reward=TwoJudges(), data=Items(GSM)), tmp_path)
    assert (payload["judge/calls"], payload["judge/judge_math/calls"], payload["judge/judge_style/calls"]) == (2, 1, 1)
    assert payload["judge/judge_math/success_rate"] == payload["judge/judge_style/api_failure_rate"] == 1


def test_judges_are_called_what_the_user_calls_them(api, tmp_path):
    answers(api, chat("true"))
    judges = {"Math": "_judge_math", "gsm8k": "_judge_style"}
    payload = payload_of(Loop(reward_each, reward=TwoJudges(), data=Items(GSM)), tmp_path, judge=judges)
    assert payload["judge/math/calls"] == 1
    assert payload["judge/gsm8k/calls"] == 2  # the dataset's
    assert payload["judge/gsm8k_judge/calls"] == 1  # the judge of the same name


SHARES = ("success_rate", "parse_failure_rate", "api_failure_rate", "correct_ratio")


def test_one_judge_alone_has_no_keys_of_its_own(api, tmp_path):
    answers(api, chat("true"))
    payload = judged_by(tmp_path, lambda _: says_yes(ask()))
    assert {key for key in payload if key.startswith("judge/") and key.count("/") == 2} == {
        f"judge/gsm8k/{key}" for key in (*SHARES, "calls", "undecided", "length_pairs")
    }


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        (["_judge_math", "_judge_color"], "judge '_judge_color': there is no such function"),
        (SimpleNamespace(x=1), "there is no such function"),
        ({"math": 3}, "judge 3: there is no such function"),
        (JudgeObject, "there is no such function"),
        ({1: "_judge_math"}, "called by a string, not by 1"),
    ],
    ids=["name", "object", "number", "class", "label"],
)
def test_a_judge_that_cannot_be_one_is_told_at_once(tmp_path, judge, told):
    with pytest.raises(InstrumentError, match=re.escape(told)):
        payload_of(Loop(reward_each, reward=TwoJudges()), tmp_path, judge=judge)
