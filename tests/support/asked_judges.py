"""Judges that are asked by the SDK, with answers that a test gives one after another, and trainers that ask them."""

import contextlib

from tests.support.loops import GSM, Items, Loop, payload_of
from tests.support.trainers import sync_client

MESSAGES = [{"role": "user", "content": "Is it right?"}]


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


def reward_twice(trainer):
    trainer.reward.compute_reward("?", "4")
