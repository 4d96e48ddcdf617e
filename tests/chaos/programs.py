"""Random trainers, drawn from a seed: each has habits, and each is trained in a child with telemetry and without."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import functools
import inspect
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path

import openai

from tests.support.wandb_offline import Written, tear_down

SOURCES = ("gsm8k", "math", "Über/Größe", "")


@dataclass(frozen=True)
class Habits:
    """What a trainer does, or not; what it returns, and how."""

    is_async: bool
    gathers: bool
    uses_threads: bool
    streams: bool
    asks_again: bool
    swallows: bool
    validates: bool
    repeats_a_step: bool
    copies_itself: bool
    has_cached_methods: bool
    has_hostile_results: bool
    has_hostile_items: bool
    cancels: bool
    raises: bool
    gives_up: bool
    closes_clients: bool
    judges_by_code: bool
    flushes: bool
    forks: bool
    logs_to_wandb: bool
    names_steps: bool
    steps: int
    items: int
    reward: str

    @classmethod
    def drawn(cls, seed: int) -> Habits:
        """Draw each habit by itself."""
        dice = random.Random(seed)
        yes = {field.name: dice.random() < 0.35 for field in fields(cls)}
        rewards = ("float", "bool", "text", "dict", "tuple", "nothing", "nan", "hostile")
        yes["logs_to_wandb"] = dice.random() < 0.05  # beginning a run takes a second
        return cls(**{**yes, "steps": dice.randint(1, 3), "items": dice.randint(1, 6), "reward": dice.choice(rewards)})


class Unhashable(type):
    """A metaclass that makes trouble for whoever looks at its classes."""

    __hash__ = None

    def __instancecheck__(cls, instance):
        raise RuntimeError("nobody asks that")


class Hostile(metaclass=Unhashable):
    """An object that raises when it is looked at closely."""

    def __getattr__(self, name):
        raise LookupError(name)

    def __eq__(self, other):
        raise RuntimeError("nobody compares")

    __hash__ = None

    def __bool__(self):
        raise RuntimeError("nobody asks")

    def __float__(self):
        raise RuntimeError("nobody counts")


class Items(dict):
    """An item whose views are taken once, as a batch mapping's may be."""

    def items(self):
        return iter(list(super().items()))


REWARDS = {
    "float": float,
    "bool": bool,
    "text": str,
    "dict": lambda right: {"score": float(right)},
    "tuple": lambda right: (float(right), "because"),
    "nothing": lambda _: None,
    "nan": lambda _: float("nan"),
    "hostile": lambda _: Hostile(),
}


class Executor:
    """Asks a model, in a stream or not, by a client of its own or for this call."""

    def __init__(self, habits, url):
        self.habits = habits
        self.url = url

    async def execute_workflow(self, *, problem):
        """Return the answer, its cost, and how it went."""
        async with openai.AsyncOpenAI(base_url=self.url, api_key="k", max_retries=1) as client:
            asked = client.chat.completions.create(**request(problem, stream=self.habits.streams))
            if self.habits.cancels and problem.endswith("3?"):
                task = asyncio.ensure_future(asked)
                await asyncio.sleep(0)
                task.cancel()
                await task
            answer = await asked
            if self.habits.streams:
                answer = "".join([c.choices[0].delta.content or "" async for c in answer if c.choices])
            else:
                answer = answer.choices[0].message.content
        if self.habits.raises and problem.endswith("2?"):
            raise ValueError("the workflow has a mistake")
        return answer, 0.0, {"success": not (self.habits.gives_up and problem.endswith("1?"))}


class SyncExecutor(Executor):
    """The same for trainers that know nothing of asyncio."""

    def execute_workflow(self, *, problem):
        """Return the answer, its cost, and how it went."""
        return in_a_child(self.work, problem) if self.habits.forks else self.work(problem)

    def work(self, problem):
        """Do it here."""
        return in_a_thread(super().execute_workflow(problem=problem))


class RewardComputer:
    """Asks a judge, or compares by itself; errors come out or are swallowed."""

    def __init__(self, habits, url):
        self.habits = habits
        self.llm_judge_client = openai.OpenAI(base_url=url, api_key="k", max_retries=1)

    def compute_reward(self, *, problem, prediction, ground_truth, source=None):
        """Return the reward in the form that this trainer likes."""
        right = prediction == ground_truth if self.habits.judges_by_code else self.llm_judge(problem, prediction)
        return REWARDS[self.habits.reward](right)

    def llm_judge(self, problem, prediction):
        """Tell whether the judge's text says so."""
        for _ in range(2 if self.habits.asks_again else 1):
            try:
                completion = self.llm_judge_client.chat.completions.create(**request(f"Right? {problem} {prediction}"))
            except (openai.OpenAIError, json.JSONDecodeError):
                if not self.habits.swallows:
                    raise
                return False
            if completion.choices[0].message.content:
                break
        return "True" in (completion.choices[0].message.content or "")


class CachedRewards(RewardComputer):
    """One whose method is no plain function."""

    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - that is its habit
    def llm_judge(self, problem, prediction):
        """Ask once for each pair."""
        return super().llm_judge(problem, prediction)


class Data:
    """Hands out items."""

    def __init__(self, habits):
        self.habits = habits

    def sample_batch(self, size, step):
        """Return `size` items of this step."""
        kind = Items if self.habits.has_hostile_items else dict
        return [
            kind(problem=f"Step {step}: {at} + {at}?", ground_truth="4", source=SOURCES[at % len(SOURCES)])
            for at in range(size)
        ]


class Trainer:
    """A hand-written trainer with these habits; `known` is what it knows of its own rollouts."""

    def __init__(self, habits, url, folder):
        self.habits = habits
        self.wandb = begin_run(folder) if habits.logs_to_wandb else None
        self.data_manager = Data(habits)
        self.executor = (Executor if habits.is_async else SyncExecutor)(habits, url)
        self.reward_computer = (CachedRewards if habits.has_cached_methods else RewardComputer)(habits, url)
        self.known = Counter()

    async def rollout(self, item, split):
        """Return the reward of one item, or the name of what was raised."""
        self.known[split] += 1
        try:
            result = self.executor.execute_workflow(problem=item["problem"])
            answer, _, metadata = await result if inspect.isawaitable(result) else result
            if not metadata["success"]:
                return 0.0
            asking = functools.partial(
                self.reward_computer.compute_reward,
                problem=item["problem"],
                prediction=answer,
                ground_truth=item["ground_truth"],
                source=item["source"],
            )
            return shown(await asyncio.to_thread(asking) if self.habits.uses_threads else asking())
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is what the trainer saw
            return type(error).__name__

    async def roll_out(self, step, split):
        """Return what came of each item."""
        items = self.data_manager.sample_batch(self.habits.items, f"{split} {step}")
        if self.habits.gathers:
            return list(await asyncio.gather(*(self.rollout(item, split) for item in items)))
        return [await self.rollout(item, split) for item in items]

    def result(self, rewards):
        """Return what a step returns."""
        return Hostile() if self.habits.has_hostile_results else rewards


class AsyncTrainer(Trainer):
    """One whose steps are coroutines."""

    async def train_step(self, step):
        """Train one step."""
        self.last = await self.roll_out(step, "train")
        return self.result(self.last)

    async def evaluate(self, step):
        """Validate."""
        self.last = await self.roll_out(step, "val")
        return self.result(self.last)


class SyncTrainer(Trainer):
    """One whose steps are plain calls, with a loop in a thread of their own."""

    def train_step(self, step):
        """Train one step."""
        self.last = in_a_thread(self.roll_out(step, "train"))
        return self.result(self.last)

    def evaluate(self, step):
        """Validate."""
        self.last = in_a_thread(self.roll_out(step, "val"))
        return self.result(self.last)


def in_a_child(work, problem):
    """Work in a forked child; what it raises comes out as another error."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            told = json.dumps([work(problem), ""])
        except BaseException as error:  # noqa: BLE001 - it is told
            told = json.dumps([None, type(error).__name__])
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer, error = json.loads(pipe.read())
    os.waitpid(pid, 0)
    if error:
        raise RuntimeError(error)
    return answer


def in_a_thread(work):
    """Run a coroutine where no loop runs, with the context of here."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def request(text, *, stream=False):
    """One chat completion."""
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    return {**asked, "stream": True, "stream_options": {"include_usage": True}} if stream else asked


def shown(value):
    """Something that can be compared between two processes."""
    return "hostile" if type(value) is Hostile else repr(value)


def made(habits, url, folder):
    """Make the trainer."""
    return (AsyncTrainer if habits.is_async else SyncTrainer)(habits, url, folder)


def begin_run(folder):
    """Begin a real W&B run, without a server."""
    import wandb  # noqa: PLC0415 - few programs need it

    quiet = wandb.Settings(console="off", silent=True, x_disable_meta=True, x_disable_stats=True)
    return wandb.init(project="p", mode="offline", dir=str(folder), settings=quiet)


def rows_of(trainer):
    """End the trainer's run; return the rows of its own that are in W&B's file."""
    if trainer.wandb is None:
        return []
    folder = Path(trainer.wandb.dir).parent
    trainer.wandb.finish()
    tear_down()  # W&B's own process may still be writing
    return [{key: row[key] for key in ("_step", "loss")} for row in Written(folder).rows if "loss" in row]


def trained(trainer, telemetry=None):
    """Train as the habits want it; return everything that the trainer's author sees."""
    habits, seen = trainer.habits, []
    steps = [step for step in range(habits.steps) for _ in range(2 if habits.repeats_a_step else 1)]
    for step in steps:
        seen.append(_step(trainer, trainer.train_step, step))
        if trainer.wandb is not None:
            trainer.wandb.log({"loss": step + 0.5}, **({"step": step} if habits.names_steps else {}))
        if habits.copies_itself:
            client, trainer.reward_computer.llm_judge_client = trainer.reward_computer.llm_judge_client, None
            run, trainer.wandb = trainer.wandb, None
            seen.append(type(copy.deepcopy(trainer)).__name__)
            trainer.reward_computer.llm_judge_client, trainer.wandb = client, run
        if habits.flushes and telemetry is not None:
            telemetry.flush()
        if habits.validates:
            seen.append(_step(trainer, trainer.evaluate, step))
    if habits.closes_clients:
        trainer.reward_computer.llm_judge_client.close()
    return seen


def _step(trainer, method, step):
    result = method(step)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return [type(result).__name__, trainer.last]
