"""Ray over two machines: what actors on the other one do is counted in its step, by way of the collector."""

import os
import re
import subprocess
import tempfile

import pytest

from llm_telemetry.testing import LLMServer
from tests.processes.test_ray import RAY, check, reply, run, variables
from tests.support import machines
from tests.support.children import PATIENCE

pytestmark = machines.several_machines


@pytest.fixture(scope="module")
def server():
    with LLMServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(server):
    """A head here, and a node that takes itself for another machine, with its own folder for temporary files."""
    with (
        tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as here,
        tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as there,
    ):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LLM_TELEMETRY")}
        environ = clean | variables(server, here)
        start = ["start", "--head", "--port=0", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
        done = subprocess.run([RAY, *start], check=False, env=environ, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        address = re.search(r"--address='([^']+)'", done.stdout)[1]
        node = [
            "start",
            f"--address={address}",
            "--num-cpus=4",
            '--resources={"far": 10}',
            "--disable-usage-stats",
            "--block",
        ]
        other = machines.start_program("far", RAY, *node, env=environ | {"TMPDIR": there, "RAY_TMPDIR": there})
        yield {**variables(server, here), "FAR": "1"}
        other.kill()
        other.wait(PATIENCE)
        subprocess.run([RAY, "stop", "--force"], check=False, env=environ, capture_output=True, timeout=PATIENCE)


@pytest.mark.parametrize("way", ["main", "async", "pool", "killed", "collector killed"])
def test_actors_of_another_machine_are_counted_in_their_step(server, cluster, tmp_path, way):
    payloads, rewards, asked, said = run(server, tmp_path, way, "environment", **cluster)
    check(payloads, rewards, asked)
    assert "llm_telemetry: failed" not in said
