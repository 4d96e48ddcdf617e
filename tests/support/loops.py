"""Trainers of which only the loop matters: a test gives the body of a step, and the parts that it uses."""

import asyncio
import contextvars
import inspect

from tests.support.trainers import sync_client, watch

GSM = {"problem": "2 + 2?", "ground_truth": "4", "source": "gsm8k"}
MMLU = {"problem": "The capital of France?", "ground_truth": "Paris", "source": "mmlu"}


class Items:
    """Hands out both items, the ones of `times` rollouts next to each other."""

    def __init__(self, *items, times=1):
        self.items = [item for item in items or (GSM, MMLU) for _ in range(times)]

    def sample_batch(self, size=64):
        return [dict(item) for item in self.items]


class Loop:
    """A trainer whose step is `body(trainer)`, sync or async."""

    def __init__(self, body, **parts):
        self.data = Items()
        vars(self).update(parts)
        self.body = body

    def train_step(self, step=None):
        return self.body(self)


class SyncExecutor:
    """Answers with what `work(problem)` gives."""

    def __init__(self, work=lambda problem: problem):
        self.work = work

    def execute(self, problem):
        return self.work(problem)


class AsyncExecutor(SyncExecutor):
    async def execute(self, problem):
        return await self.work(problem)


class Grader:
    """Rewards what `grade(prediction)` gives."""

    def __init__(self, grade=lambda prediction: 1.0):
        self.grade = grade

    def compute_reward(self, problem, prediction):
        return self.grade(prediction)


def run(result):
    """Run a coroutine; give anything else back."""
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def payload_of(trainer, tmp_path, **settings):
    """The payload of one step."""
    telemetry, memory = watch(trainer, tmp_path, **settings)
    contextvars.copy_context().run(lambda: run(trainer.train_step()))  # what a step leaves there is not for other tests
    step = len(memory.payloads)
    telemetry.uninstrument()
    assert len(memory.payloads) == step, "something was booked after its step"
    return memory.last


def ask_sync(_problem="2 + 2?"):
    """One call in this thread."""
    with sync_client() as client:
        return client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "?"}])


def counts(payload):
    """Rollouts by source."""
    parts = {tuple(key.split("/")): n for key, n in payload.items()}
    return {key[1]: n for key, n in parts.items() if key[0] == "dataset" and key[2:] == ("count",)}


def right(payload):
    """Right rollouts by source."""
    return {name: round(payload[f"dataset/{name}/accuracy"] * n / 100) for name, n in counts(payload).items()}
