"""Two processes of one training: rank 0 tells of both, exactly; of one that has died, that it has."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.support import tiny_trl
from tests.support.children import payloads_in

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "trainers" / "trl" / "programs" / "ranks.py"
PATIENCE = 400
"""Seconds."""


def environ(**given):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **given}


def told(payloads):
    rows = Counter()
    for payload in payloads:
        for split, prefix, judge in (("train", "dataset", "judge"), ("val", "val", "val/judge")):
            for source in (*tiny_trl.SOURCES, "elsewhere"):
                count = payload.get(f"{prefix}/{source}/count", 0)
                if count:
                    place = f"{split} {payload['llm_telemetry/step']} {source}"
                    rows[f"{place} count"] += count
                    rows[f"{place} right"] += round(payload[f"{prefix}/{source}/accuracy"] * count / 100)
                    assert payload[f"{judge}/{source}/calls"] == count
    return +rows


def sums(folder, name):
    return sum((Counter(json.loads(file.read_text())) for file in folder.glob(f"{name}-*.json")), Counter())


def test_rank_0_tells_of_all_ranks_whatever_their_sources_and_functions(tmp_path, judge_server):
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    alone = ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    done = subprocess.run(
        [*launch, *alone, PROGRAM, tmp_path],
        cwd=tmp_path,
        env=environ(ACCELERATE_USE_CPU="true"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "has ended without a word" not in done.stderr
    payloads = payloads_in(tmp_path)
    assert told(payloads) == +sums(tmp_path, "asked")
    assert payloads[-1]["cost/judge_calls"] == judge_server.books.calls()
    assert {0.0, 1.0} >= {payload.get(f"reward/judged_{rank}/none_share", 0.0) for payload in payloads for rank in "01"}
    assert all(f"reward/judged_{rank}/mean" in payloads[0] for rank in "01")
    groups = json.loads((tmp_path / "groups-0.json").read_text())
    assert Counter(groups.values()) == {8: 2, 2: 8}  # in training a group is one over both ranks


def test_a_rank_that_dies_is_told_and_what_it_had_told_is_counted(tmp_path, judge_server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, PROGRAM, tmp_path, "die"],
            cwd=tmp_path,
            env=environ(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port),
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    assert ranks[1].wait(PATIENCE) < 0  # reaped at once, as launchers do
    ranks[1].stderr.close()
    _, said = ranks[0].communicate(timeout=PATIENCE)
    assert ranks[0].returncode != 0  # the training cannot go on without it, with or without telemetry
    assert said.count("rank 1 has ended without a word") == 1
    payloads = payloads_in(tmp_path)
    assert payloads[0]["dataset/count"] == 8
    assert payloads[0]["dataset/elsewhere/count"] == 4
    assert payloads[-1]["cost/judge_calls"] == judge_server.books.calls() == 16
