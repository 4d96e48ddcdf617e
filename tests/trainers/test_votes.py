"""Several calls for one evaluation and several evaluations by one call: votes, comparisons in both orders, batches."""

import asyncio
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.support.asked_judges import (
    MESSAGES,
    Computer,
    answers,
    ask,
    failures_in,
    judged_by,
    reward_each,
    reward_twice,
    says_yes,
    text_of,
)
from tests.support.loops import GSM, Items, Loop, payload_of
from tests.support.mocking import chat, failure
from tests.support.trainers import async_client


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
