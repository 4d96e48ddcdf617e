"""Forked children count for themselves, and the owner's payload contains it, once."""

import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.programs.apart import TRAINED, VALIDATED
from tests.support.children import PATIENCE, lines_of, payloads_in
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Executor, RewardComputer, Trainer, sync_client, train_step, watch

ROOT = Path(__file__).parents[2]
FORK = multiprocessing.get_context("fork")
ITEMS = [{"problem": f"{i} + 1?", "ground_truth": "4", "source": f"s{i % 2}"} for i in range(6)]


def ask(problem):
    with openai_api() as api, sync_client() as client:
        api.post("/chat/completions").mock(chat("true"))
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": problem}])
    return problem


def in_pool(function, values, workers=2):
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=FORK) as pool:
        return list(pool.map(function, values))


class SyncExecutor:
    def execute(self, problem):
        ask(problem)
        return "4"


class Loop(Trainer):
    """Its step is what the test says."""

    def __init__(self, body):
        super().__init__(ITEMS, SyncExecutor(), RewardComputer(lambda *_: True))
        self.body = body

    def train_step(self, step):
        self.data_manager.sample_batch(64)
        return self.body(self)


def payload_of(trainer, tmp_path):
    telemetry, memory = watch(trainer, tmp_path)
    trainer.train_step(1)
    telemetry.uninstrument()
    assert len(memory.payloads) == 1
    return memory.last


pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def test_calls_of_a_process_pool_are_in_the_payload_of_their_step(tmp_path):
    payload = payload_of(Loop(lambda _: in_pool(ask, ["a"] * 7)), tmp_path)
    assert payload["llm/other/calls"] == 7
    assert payload["tokens/total"] == 7 * 15


def test_rollouts_executed_in_children_get_the_reward_that_the_parent_computes(tmp_path):
    def body(trainer):
        problems = [item["problem"] for item in ITEMS]
        for problem, answer in zip(problems, in_pool(trainer.executor.execute, problems), strict=True):
            trainer.reward_computer.compute_reward(problem=problem, prediction=answer, ground_truth="4")

    payload = payload_of(Loop(body), tmp_path)
    assert (payload["dataset/count"], payload["dataset/accuracy"]) == (6, 100)
    assert (payload["dataset/s0/count"], payload["dataset/s1/count"]) == (3, 3)
    assert payload["llm/executor/calls"] == 6
    assert payload["judge/calls"] == 6


def test_rollouts_that_a_child_executes_and_rewards_are_counted_once(tmp_path):
    def both(trainer, problem):
        answer = trainer.executor.execute(problem)
        return trainer.reward_computer.compute_reward(problem=problem, prediction=answer, ground_truth="4")

    def body(trainer):
        for item in ITEMS:
            child = FORK.Process(target=both, args=(trainer, item["problem"]))
            child.start()
            child.join()

    payload = payload_of(Loop(body), tmp_path)
    assert (payload["dataset/count"], payload["dataset/avg_reward"]) == (6, 1)
    assert payload["llm/executor/calls"] == payload["judge/calls"] == 6


def test_a_child_that_is_killed_loses_nothing_that_had_happened(tmp_path):
    def asked_and_killed():
        ask("a")
        os.kill(os.getpid(), signal.SIGKILL)

    def body(_):
        child = FORK.Process(target=asked_and_killed)
        child.start()
        child.join()

    assert payload_of(Loop(body), tmp_path)["llm/other/calls"] == 1


def test_what_the_parent_had_counted_before_a_fork_is_counted_once(tmp_path):
    def body(trainer):
        trainer.executor.execute("0 + 1?")
        child = FORK.Process(target=print)
        child.start()
        child.join()
        trainer.reward_computer.compute_reward(problem="0 + 1?", prediction="4", ground_truth="4")

    payload = payload_of(Loop(body), tmp_path)
    assert (payload["dataset/count"], payload["llm/executor/calls"]) == (1, 1)


def test_a_step_that_a_forked_child_makes_writes_nothing_to_the_parent_s_files(tmp_path):
    def body(trainer):
        trainer.executor.execute("0 + 1?")

    trainer = Loop(body)
    telemetry, memory = watch(trainer, tmp_path)
    child = FORK.Process(target=trainer.train_step, args=(7,))
    child.start()
    child.join()
    trainer.train_step(1)
    assert [p.step for p in memory.payloads] == [1]
    assert memory.last["llm/executor/calls"] == 2
    assert len(telemetry.path.read_text().splitlines()) == 1


def test_the_children_s_files_are_gone_in_the_end(tmp_path):
    trainer = Loop(lambda _: in_pool(ask, ["a"]))
    telemetry, _ = watch(trainer, tmp_path)
    folder = telemetry._session.children.folder
    trainer.train_step(1)
    assert folder.exists()
    telemetry.uninstrument()
    assert not folder.exists()


def test_async_training_after_a_fork_goes_on(tmp_path):
    trainer = Trainer(ITEMS, Executor(), RewardComputer(lambda *_: True))
    _, memory = watch(trainer, tmp_path)
    in_pool(ask, ["a"])
    with openai_api() as api:
        api.post("/chat/completions").mock(chat("4"))
        train_step(trainer)
    assert memory.last["dataset/count"] == 6
    assert memory.last.get("llm/other/calls") == 1, {k: v for k, v in memory.last.items() if "calls" in k}


@pytest.mark.long
def test_the_ranks_of_one_launch_are_one_payload_of_rank_0(tmp_path):
    launch = {"WORLD_SIZE": "3", "MASTER_PORT": "29500", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}

    def rank(number, seconds):
        program = [sys.executable, "-m", "tests.processes.programs.rank", "2", str(seconds)]
        return subprocess.Popen(program, cwd=tmp_path, env={**launch, "RANK": str(number)})

    ranks = [rank(1, 0), rank(2, 0)]
    assert [process.wait(PATIENCE) for process in ranks] == [0, 0]
    assert rank(0, 0).wait(PATIENCE) == 0
    (file,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    payloads = [line["payload"] for line in lines_of(file)]
    assert payloads[-1]["cost/total_samples"] == 6
    assert payloads[-1]["cost/executor_calls"] == payloads[-1]["cost/judge_calls"] == 6


@pytest.mark.long
@pytest.mark.parametrize("first", ["0", "1"])
def test_what_a_rank_trains_and_validates_is_that_whichever_is_ahead(first, tmp_path):
    launch = {"WORLD_SIZE": "2", "MASTER_PORT": "29500", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    program = [sys.executable, "-m", "tests.processes.programs.apart"]
    ranks = [
        subprocess.Popen([*program, number, first], cwd=tmp_path, env={**launch, "RANK": number}) for number in "01"
    ]
    assert [process.wait(PATIENCE) for process in ranks] == [0, 0]
    told = [
        (one.get("dataset/count"), one.get("judge/calls"), one.get("val/count"), one.get("val/judge/calls"))
        for one in payloads_in(tmp_path)
    ]
    trained, validated = (TRAINED, TRAINED, None, None), (None, None, VALIDATED, VALIDATED)
    late = [trained, validated]  # rank 1 has done it when rank 0 had told of its own: a second payload of each
    twice = [tuple(count and count * 2 for count in counts) for counts in late]
    assert told == (twice if first == "1" else late + late)
