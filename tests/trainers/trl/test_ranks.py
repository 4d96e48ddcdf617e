"""Two processes of one training, as torchrun starts them: rank 0 tells of both."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.support import tiny_trl

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "trainers" / "trl" / "programs" / "ranks.py"


def told(payloads):
    rows = Counter()
    for payload in payloads:
        for split, prefix, judge in (("train", "dataset", "judge"), ("val", "val", "val/judge")):
            for source in tiny_trl.SOURCES:
                count = payload.get(f"{prefix}/{source}/count", 0)
                if count:
                    place = f"{split} {payload['llm_telemetry/step']} {source}"
                    rows[f"{place} count"] += count
                    rows[f"{place} right"] += round(payload[f"{prefix}/{source}/accuracy"] * count / 100)
                    assert payload[f"{judge}/{source}/calls"] == count
    return +rows


def test_rank_0_tells_of_all_ranks(tmp_path, judge_server):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0"]
    done = subprocess.run(
        [*launch, "--standalone", PROGRAM, tmp_path],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = tmp_path.glob("*.jsonl")
    lines = map(json.loads, path.read_text().splitlines())
    payloads = [line["payload"] for line in lines if "payload" in line]
    asked = sum((Counter(json.loads(file.read_text())) for file in tmp_path.glob("asked-*.json")), Counter())
    assert told(payloads) == +asked
    assert payloads[-1]["cost/judge_calls"] == judge_server.books.calls()
