"""Ray over two machines: what actors on the other one do is counted in its step, by way of the collector."""

import pytest

from llm_telemetry.testing import LLMServer
from tests.processes.test_ray import check, reply, run
from tests.support import machines, ray_cluster

pytestmark = machines.several_machines


@pytest.fixture(scope="module")
def server():
    with LLMServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(server):
    """A head here, and a node that takes itself for another machine, with its own folder for temporary files."""
    with ray_cluster.folder() as here, ray_cluster.folder() as there:
        known = ray_cluster.variables(server, here, FAR="1")
        with ray_cluster.node("--head", "--port=0", "--num-cpus=2", "--include-dashboard=false", **known) as address:
            to_join = (f"--address={address}", "--num-cpus=4", '--resources={"far": 10}')
            with ray_cluster.node(*to_join, machine="far", **known | {"TMPDIR": there, "RAY_TMPDIR": there}):
                yield known | {"RAY_ADDRESS": address}


@pytest.mark.parametrize("way", ["main", "async", "pool", "killed", "collector killed"])
def test_actors_of_another_machine_are_counted_in_their_step(server, cluster, tmp_path, way):
    payloads, rewards, asked, said = run(server, tmp_path, way, "environment", **cluster)
    check(payloads, rewards, asked)
    assert "llm_telemetry: failed" not in said
