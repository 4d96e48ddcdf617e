"""Trainers of the hand-written shape, small enough to read: a test fills in what happens inside."""

import asyncio
import inspect
import re

import openai

from llm_telemetry import instrument
from tests.support.mocking import BASE_URL


def async_client(**settings):
    return openai.AsyncOpenAI(base_url=BASE_URL, api_key="k", **settings)


def sync_client(**settings):
    return openai.OpenAI(base_url=BASE_URL, api_key="k", **settings)


async def ask(text="2 + 2?", **settings):
    """One chat completion by a client that lives for this call."""
    async with async_client() as client:
        return await client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": text}], **settings
        )


class DataManager:
    def __init__(self, items):
        self.items = items

    def sample_batch(self, batch_size, split="train"):
        return [dict(item) for item in self.items[:batch_size]]


class Executor:
    """Asks the model; a test may give another `work`."""

    def __init__(self, work=None):
        self.work = work or self.answer

    async def answer(self, problem):
        completion = await ask(problem)
        return completion.choices[0].message.content, 0.0, {"success": True}

    async def execute_workflow(self, *, workflow_code, problem, problem_type="math"):
        return await self.work(problem)


class RewardComputer:
    """Rewards 1.0 for the judge's yes; a test may give another `judge`."""

    def __init__(self, judge=None):
        self.llm_judge_client = sync_client(max_retries=1)
        self.judge = judge or self.ask_judge
        self.closed = self.llm_judge_client.close

    def compute_reward(self, *, problem, prediction, ground_truth, source=None):
        return 1.0 if self._llm_judge_compare(problem, prediction, ground_truth) else 0.0

    def _llm_judge_compare(self, problem, prediction, ground_truth):
        return self.judge(problem, prediction, ground_truth)

    def ask_judge(self, problem, prediction, ground_truth):
        try:
            completion = self.llm_judge_client.chat.completions.create(
                model="gpt-4.1-mini", messages=[{"role": "user", "content": f"Is {prediction} {ground_truth}?"}]
            )
            return re.search(r"\btrue\b", completion.choices[0].message.content.lower()) is not None
        except Exception:  # noqa: BLE001 - the way of real trainers
            return False


class Trainer:
    """B items, one rollout each, all under one `gather`."""

    def __init__(self, items=None, executor=None, reward_computer=None):
        self.data_manager = DataManager(items or [{"problem": "2 + 2?", "ground_truth": "4", "source": "gsm8k"}])
        self.executor = executor or Executor()
        self.reward_computer = reward_computer or RewardComputer()

    async def rollout(self, item):
        answer, _, metadata = await self.executor.execute_workflow(workflow_code="…", problem=item["problem"])
        if not metadata["success"]:
            return 0.0
        return self.reward_computer.compute_reward(
            problem=item["problem"], prediction=answer, ground_truth=item["ground_truth"]
        )

    async def train_step(self, step):
        batch = self.data_manager.sample_batch(64)
        return await asyncio.gather(*(self.rollout(item) for item in batch), return_exceptions=True)

    async def evaluate_on_val_set(self, num_samples):
        return [await self.rollout(item) for item in self.data_manager.sample_batch(num_samples, "val")]


class Memory:
    """A sink that keeps payloads."""

    def __init__(self):
        self.payloads = []

    def write(self, payload):
        self.payloads.append(payload)

    def close(self):
        pass

    @property
    def last(self):
        return dict(self.payloads[-1].values)


def watch(trainer, tmp_path, **settings):
    """Watch without W&B and without a console; returns the handle and what it emits."""
    memory = Memory()
    telemetry = instrument(trainer, **{"folder": tmp_path, "console": 0, "run": False, "sinks": [memory], **settings})
    return telemetry, memory


def train_step(trainer, step=1):
    return asyncio.run(trainer.train_step(step))


def payload_of_work(work, tmp_path, **settings):
    """The payload of a step whose executor does `work()`, sync or async, with all in it; what is raised is raised."""
    failures = []

    async def execute(problem):
        try:
            result = work()
            if inspect.isawaitable(result):
                await result
        except BaseException as error:
            failures.append(error)
            raise
        return "4", 0.0, {"success": True}

    trainer = Trainer(executor=Executor(execute), reward_computer=RewardComputer(judge=lambda *_: True))
    telemetry, memory = watch(trainer, tmp_path, **settings)
    train_step(trainer)
    step = len(memory.payloads)
    telemetry.uninstrument()
    if failures:
        raise failures[0]
    assert len(memory.payloads) == step, "something was booked after its step"
    return memory.last
