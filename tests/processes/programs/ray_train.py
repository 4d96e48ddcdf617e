"""A trainer whose executors and judges are Ray actors; prints each step's rewards by source as JSON.

Run as a module its classes are the main program's, which Ray sends to its workers by value; with `imported` they are
those of the module that workers import.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import openai
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ITEMS = 6
PATIENCE = 300
SOURCES = ("sums", "capitals")


def ask(client, text):
    made = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": text}])
    return made.choices[0].message.content


class Executor:
    def __init__(self):
        self.client = openai.OpenAI(max_retries=0)

    def execute_workflow(self, problem, source):
        return ask(self.client, f"solve {problem}")


class RewardComputer:
    def __init__(self):
        self.client = openai.OpenAI(max_retries=0)

    def compute_reward(self, problem, prediction, source):
        return 1.0 if self._llm_judge_compare(problem, prediction) else 0.0

    def _llm_judge_compare(self, problem, prediction):
        return ask(self.client, f"judge {problem}: is {prediction} right, yes or no?") == "yes"


class HaltingRewardComputer(RewardComputer):
    """In step 2 it says when its judge has answered, and never comes back, if it is told a file to say it by.

    Args:
        file: That file.
    """

    def __init__(self, file=None):
        super().__init__()
        self.file = file

    def compute_reward(self, problem, prediction, source):
        made = super().compute_reward(problem, prediction, source)
        if self.file and problem.startswith("2-"):
            Path(self.file).touch()
            time.sleep(PATIENCE)
        return made


class AsyncRewardComputer:
    def __init__(self):
        self.client = openai.AsyncOpenAI(max_retries=0)

    async def compute_reward(self, problem, prediction, source):
        return 1.0 if await self._llm_judge_compare(problem, prediction) else 0.0

    async def _llm_judge_compare(self, problem, prediction):
        text = f"judge {problem}: is {prediction} right, yes or no?"
        made = await self.client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
        )
        return made.choices[0].message.content == "yes"


@ray.remote
class Decorated(RewardComputer):
    """What `@ray.remote` has made an actor of."""


class Trainer:
    def __init__(self, executor, rewarders):
        self.executor = executor
        self.rewarders = rewarders

    def train_step(self, step):
        items = [(f"{step}-{i}", SOURCES[i % 2]) for i in range(ITEMS)]
        said = ray.get([self.executor.execute_workflow.remote(problem=one, source=source) for one, source in items])
        pool = [self.rewarders[i % len(self.rewarders)] for i in range(ITEMS)]
        given = zip(pool, items, said, strict=True)
        rewards = ray.get([a.compute_reward.remote(problem=p, prediction=t, source=s) for a, (p, s), t in given])
        return {source: rewards[i::2] for i, source in enumerate(SOURCES)}


class BereavedTrainer(Trainer):
    """Its actors' machine dies in step 2, with the first item's reward under way; the others are rewarded here."""

    def __init__(self, executor, _):
        kind = ray.remote(HaltingRewardComputer)
        self.file = Path("halted").absolute()
        super().__init__(executor, [kind.options(resources={os.environ["FAR"]: 0.1}).remote(str(self.file))])
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.spare = kind.options(scheduling_strategy=here).remote()

    def train_step(self, step):
        if step == 1:
            return super().train_step(step)
        items = [(f"{step}-{i}", SOURCES[i % 2]) for i in range(ITEMS)]
        said = ray.get([self.executor.execute_workflow.remote(problem=one, source=source) for one, source in items])
        given = [{"problem": p, "prediction": t, "source": s} for (p, s), t in zip(items, said, strict=True)]
        lost = self.rewarders[0].compute_reward.remote(**given[0])
        while not self.file.exists():
            time.sleep(0.02)
        os.kill(int(os.environ["FAR_PROCESS"]), signal.SIGKILL)
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(lost)
        rewards = ray.get([self.spare.compute_reward.remote(**one) for one in given[1:]])
        return {SOURCES[1]: rewards[::2], SOURCES[0]: rewards[1::2]}


class MortalTrainer(Trainer):
    """It dies in step 2: all is executed, and one item rewarded."""

    def train_step(self, step):
        if step == 2:
            items = [(f"{step}-{i}", SOURCES[i % 2]) for i in range(ITEMS)]
            ray.get([self.executor.execute_workflow.remote(problem=one, source=source) for one, source in items])
            ray.get(self.rewarders[0].compute_reward.remote(problem="2-0", prediction="x", source=SOURCES[0]))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().train_step(step)


@ray.remote
def grade(problem, source, role):
    """A task, which no handle of the trainer's leads to; its role is told, or it is not."""
    import llm_telemetry  # noqa: PLC0415 - only there

    with llm_telemetry.scope(role=role, source=source) if role else contextlib.nullcontext():
        return 1.0 if ask(openai.OpenAI(max_retries=0), f"judge {problem}, yes or no?") == "yes" else 0.0


class TaskTrainer(Trainer):
    role = None

    def train_step(self, step):
        given = [grade.remote(f"{step}-{i}", SOURCES[i % 2], self.role) for i in range(ITEMS)]
        rewards = ray.get(given)
        return {source: rewards[i::2] for i, source in enumerate(SOURCES)}


class TellingTaskTrainer(TaskTrainer):
    role = "judge"


TRAINERS = {
    "tasks": TaskTrainer,
    "tasks in a scope": TellingTaskTrainer,
    "machine killed": BereavedTrainer,
    "owner killed in a step": MortalTrainer,
}


def actors(way):
    """The executor and the rewarders."""
    there = sys.modules["__main__"]
    if way == "imported":
        import tests.processes.programs.ray_train as there  # noqa: PLC0415, PLW0406 - what this test is about
    if way == "decorated":
        return ray.remote(there.Executor).remote(), [Decorated.remote()]
    place = {"resources": {os.environ["FAR"]: 0.1}} if "FAR" in os.environ else {}
    kinds = {"async": [there.AsyncRewardComputer], "pool": [there.RewardComputer] * 2, "machine killed": []}
    rewarders = [ray.remote(kind).options(**place).remote() for kind in kinds.get(way, [there.RewardComputer])]
    return ray.remote(there.Executor).options(**place).remote(), rewarders


def note_setup():
    """A setup hook of the trainer's own."""
    Path(os.environ["SET_UP"]).touch()


def set_up():
    """Say, before there is a cluster, that its workers are to be heard."""
    import llm_telemetry.ray  # noqa: PLC0415 - only there

    llm_telemetry.ray.setup()
    return OPTIONS["local"]()


OPTIONS = {
    "local": lambda: {"num_cpus": 2, "include_dashboard": False},
    "set up": set_up,
    "environment": lambda: {"address": "auto", "runtime_env": ours({"env_vars": {"THEIRS": "1"}})},
    "unheard": lambda: {"address": "auto"},
    "variable": lambda: {
        "address": "auto",
        "runtime_env": {
            "env_vars": {"SET_UP": os.environ["SET_UP"]},
            "worker_process_setup_hook": "tests.processes.programs.ray_train.note_setup",
        },
    },
    "runner": lambda: {"address": "auto"},
}


def ours(given):
    import llm_telemetry.ray  # noqa: PLC0415 - only there

    return llm_telemetry.ray.runtime_env(given)


def train(way, *, watched):
    trainer = TRAINERS.get(way, Trainer)(*actors(way))
    if watched:
        from llm_telemetry import instrument  # noqa: PLC0415 - the others are watched by the variable alone

        instrument(trainer, console=0)
    for step in (2,) if way == "owner again" else (1, 2):
        yield trainer.train_step(step)
        if way == "owner killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if way == "killed":
            ray.kill(trainer.rewarders[0])  # SIGKILL
            trainer.rewarders[:] = actors(way)[1]
        if way == "collector killed":
            name = Path(os.environ["LLM_TELEMETRY_CHILDREN"]).name
            ray.kill(ray.get_actor(name, namespace="llm_telemetry"), no_restart=False)  # SIGKILL


@ray.remote
class Runner:
    """An actor that has the trainer, as verl's does."""

    def run(self, way):
        from tests.processes.programs import ray_train  # noqa: PLC0415, PLW0406 - the trainer's module, as verl's has one

        return list(ray_train.train(way, watched=False))


def main(way, reach):
    ray.init(log_to_driver=False, **OPTIONS[reach]())
    done = (
        ray.get(Runner.remote().run.remote(way))
        if reach == "runner"
        else train(way, watched=reach in ("environment", "set up", "unheard"))
    )
    for by_source in done:
        sys.stdout.write(json.dumps(by_source) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
