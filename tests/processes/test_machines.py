"""Machines that share a folder: what their processes see is counted once, by the run's owner, whatever dies."""

import subprocess

import pytest

from llm_telemetry.demo.models import CALM, demo_server
from llm_telemetry.words import SHARED
from tests.processes.programs.machine import ROLLOUTS, WORKERS
from tests.support.children import PATIENCE, payloads_in
from tests.support.machines import several_machines, start

STEPS = 2
pytestmark = [several_machines, pytest.mark.long]


def ended(*processes):
    """What they have said on stderr, when all have ended."""
    return [process.communicate(timeout=PATIENCE)[1] for process in processes]


def train(folder, *endings):
    """Train with workers two by two on other machines; returns the payloads, the server's books, and what was said."""
    (folder / "common").mkdir()
    with demo_server(day=CALM) as server:
        known = {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_SPOOL": str(folder / "common"), "BASE_URL": server.base_url}
        program = ("-m", "tests.processes.programs.machine")
        owner = start("", *program, "owner", STEPS, cwd=folder, **known)
        workers = [
            start(f"m{n // 2}", *program, "worker", STEPS, *endings[n : n + 1], cwd=folder, **known, WORKER=str(n))
            for n in range(WORKERS)
        ]
        said, *_ = ended(owner, *workers)
    assert owner.returncode == 0, said
    return payloads_in(folder), server.books, said


def check(payloads, books):
    assert [payload["llm_telemetry/step"] for payload in payloads[:STEPS]] == [1, 2]
    for payload in payloads[:STEPS]:
        assert payload["dataset/count"] == payload["llm/executor/calls"] == payload["judge/calls"] == WORKERS * ROLLOUTS
        assert payload["dataset/accuracy"] == 100
        assert "llm/other/calls" not in payload
    told = books.tokens()
    assert payloads[-1]["tokens/total"] == told.prompt + told.completion


def test_workers_of_two_machines_are_counted_in_their_step_and_their_folder_goes(tmp_path):
    payloads, books, said = train(tmp_path)
    check(payloads, books)
    assert not (tmp_path / "common" / SHARED).exists()
    assert sorted(file.name.partition("-")[0] for file in (tmp_path / "common").iterdir()) == ["done"] * 8 + ["go"] * 2
    assert "telemetry/unclosed_writers" not in payloads[-1]
    assert "unclosed" not in said


def test_a_worker_that_is_killed_on_another_machine_loses_nothing_that_had_happened_and_is_told(tmp_path):
    payloads, books, said = train(tmp_path, "kill")
    check(payloads, books)
    assert payloads[-1]["telemetry/unclosed_writers"] == 1
    assert said.count("1 processes of other machines have told something, and not that they are done") == 1


def test_the_ranks_of_two_machines_with_the_same_process_ids_are_one_payload_of_rank_0(tmp_path):
    launch = {"WORLD_SIZE": "4", "MASTER_PORT": "29500", "LLM_TELEMETRY_SPOOL": str(tmp_path / "common")}
    ranks = [
        start(
            f"m{number // 2}",
            *("-m", "tests.processes.programs.rank", "2", "0"),
            cwd=tmp_path,
            **launch,
            RANK=str(number),
            GROUP_RANK=str(number // 2),
        )
        for number in (3, 2, 1)
    ]
    ended(*ranks)
    rank_0 = start("m0", "-m", "tests.processes.programs.rank", "2", "0", cwd=tmp_path, **launch, RANK="0")
    assert ended(rank_0) == [""]
    payloads = payloads_in(tmp_path)
    assert payloads[-1]["cost/total_samples"] == 8
    assert payloads[-1]["cost/executor_calls"] == payloads[-1]["cost/judge_calls"] == 8


def test_a_second_run_does_not_read_what_is_told_to_the_first(tmp_path):
    (tmp_path / "common").mkdir()
    environ = {"LLM_TELEMETRY_SPOOL": str(tmp_path / "common")}
    program = ("-m", "tests.processes.programs.rank", "1")
    first = start("", *program, "6", cwd=tmp_path, **environ)
    while not list((tmp_path / "common").glob("*/owner.json")):
        assert first.poll() is None
        subprocess.run(["sleep", "0.05"], check=True)
    (said,) = ended(start("", *program, "0", cwd=tmp_path, **environ))
    assert said.count("belongs to another run") == 1
    ended(first)
