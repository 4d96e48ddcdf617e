"""Trainers as users write them; they know nothing of being watched."""

import os

import openai

URL = os.environ.get("TEST_URL", "http://127.0.0.1:9/v1")
ITEM = {"problem": "What is 2 + 2?", "ground_truth": "4", "source": "gsm8k"}


class Executor:
    async def execute_workflow(self, *, problem, source):
        async with openai.AsyncOpenAI(base_url=URL, api_key="k", max_retries=0) as client:
            completion = await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": problem}]
            )
        return completion.choices[0].message.content, 0.0, {"success": True}


class RewardComputer:
    def __init__(self):
        self.llm_judge_client = openai.OpenAI(base_url=URL, api_key="k", max_retries=0)

    def compute_reward(self, *, problem, prediction, ground_truth, source):
        return 1.0 if self._llm_judge_compare(problem, prediction, ground_truth) else 0.0

    def _llm_judge_compare(self, problem, prediction, ground_truth):
        completion = self.llm_judge_client.chat.completions.create(
            model="gpt-4.1-mini", messages=[{"role": "user", "content": f"{problem}: is {prediction} {ground_truth}?"}]
        )
        return "true" in (completion.choices[0].message.content or "").lower()


class Lenient(RewardComputer):
    def compute_reward(self, *, problem, prediction, ground_truth, source):
        return 1.0


class Trainer:
    def __init__(self):
        self.executor = Executor()
        self.reward_computer = RewardComputer()

    async def train_step(self, step):
        return await self.rollout()

    async def rollout(self):
        answer, _, _ = await self.executor.execute_workflow(problem=ITEM["problem"], source=ITEM["source"])
        return self.reward_computer.compute_reward(prediction=answer, **ITEM)


class Grown(Trainer):
    """Has another reward computer than its parent has made."""

    def __init__(self):
        super().__init__()
        self.reward_computer = Lenient()

    async def train_step(self, step):
        return await super().train_step(step)


class Inheriting(Trainer):
    """Has no step of its own."""


class Overriding(Trainer):
    async def train_step(self, step):
        return await super().train_step(step)


class Sync:
    def __init__(self):
        self.reward_computer = RewardComputer()

    def training_step(self, step):
        return self.reward_computer.compute_reward(prediction="4", **ITEM)


class Slotted:
    __slots__ = ("reward_computer",)

    def __init__(self):
        self.reward_computer = RewardComputer()

    def train_step(self, step):
        return self.reward_computer.compute_reward(prediction="4", **ITEM)


class Net:
    """Only looks like a trainer."""

    def train_step(self, batch):
        return batch


class Oddly:
    """Its step has another name, and what it is made of too."""

    def __init__(self):
        self.marks = RewardComputer()

    def one_round(self, step):
        return self.marks._llm_judge_compare(ITEM["problem"], "4", "4")
