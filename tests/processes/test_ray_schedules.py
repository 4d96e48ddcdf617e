"""Random schedules through real actors of Ray: workers and the collector are killed, pieces come twice and late."""

import json
import os

from llm_telemetry.testing import LLMServer
from tests.support import machines, ray_cluster
from tests.support.children import payloads_in, python

pytestmark = machines.several_machines
COUNT, SEED = os.environ.get("SCHEDULES", "5"), os.environ.get("SEED", "0")


def test_every_reward_is_counted_once_whatever_becomes_of_workers_and_pieces(tmp_path):
    with LLMServer() as server, ray_cluster.head(server) as head, ray_cluster.far(head, "far") as known:
        program = ("-m", "tests.processes.programs.ray_schedules", COUNT, SEED)
        done = python(*program, cwd=tmp_path, patience=60 * int(COUNT), **known | {"TMPDIR": str(tmp_path)})
    steps = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    payloads = payloads_in(tmp_path)
    counted = {p["llm_telemetry/step"]: p["cost/total_samples"] for p in payloads}
    assert list(counted.values()) == [step["rewards"] for step in steps], steps
    # workers that were killed in the midst of a call are told at the end, in one more payload of the last step
    assert len(payloads) - len(steps) == ("telemetry/unclosed_writers" in payloads[-1])
    assert {p["telemetry/errors"] for p in payloads} == {0}
