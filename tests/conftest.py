"""What every test starts from: nothing watched, and no failure of ours swallowed."""

import importlib.util
import os
import re
import socket
import ssl
from functools import cache, partial

import pytest
from hypothesis import HealthCheck, settings

os.environ.pop("LLM_TELEMETRY_CHILDREN", None)  # a worker of pytest-xdist is nobody's child

from llm_telemetry import guard, handle
from llm_telemetry.clients import libraries as clients
from llm_telemetry.session import sessions
from llm_telemetry.trainers import wiring
from llm_telemetry.trainers.frameworks import table as frameworks
from llm_telemetry.words import CHILDREN
from tests.support.once import Shared

# A client loads all certificates, which takes 40 ms of CPU; there are thousands of clients here, and none speaks TLS.
ssl.create_default_context = cache(ssl.create_default_context)

# No test looks at a clock: hypothesis fails one by itself whose example takes 200 ms, as all do on a busy machine.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# LiteLLM does not go with openai 3, trackers are large: environments of tests/matrix have them.
NEEDS = {
    "clients/test_litellm.py": ("litellm",),
    "processes/test_ray.py": ("ray",),
    "processes/test_ray_nodes.py": ("ray",),
    "processes/test_ray_schedules.py": ("ray",),
    "trainers/frameworks/test_real.py": ("art", "tinker_cookbook", "torchdata", "skyrl", "verifiers"),
    "sinks/trackers": ("mlflow", "swanlab", "tensorboard", "torch", "trackio"),
    "trainers/trl/test_report_to.py": ("mlflow", "swanlab", "tensorboard", "trackio", "trl"),
}
collect_ignore = [path for path, packages in NEEDS.items() if not all(map(importlib.util.find_spec, packages))]


def pytest_report_header():
    """Say what is left out here."""
    return [f"left out for want of a package, see tests/matrix: tests/{path}" for path in collect_ignore]


def pytest_make_parametrize_id(config, val, argname):
    """Leave addresses out of the names of tests: the workers of pytest-xdist must agree on them."""
    text = repr(val)
    return re.sub(r" at 0x[0-9a-f]+", "", text) if " at 0x" in text else None


def service_has_ended(address):
    """Tell whether nobody is at this address of a W&B service any more."""
    path, port = address.partition("-unix-")[2], address.partition("-tcp-localhost-")[2]
    if not path and not port:
        return False
    with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as client:
        return client.connect_ex(path or ("localhost", int(port))) != 0


@pytest.fixture(autouse=True)
def _loud_and_clean(monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", True)
    monkeypatch.delenv(CHILDREN, raising=False)  # programs that tests start are nobody's children
    if service_has_ended(os.environ.get("WANDB_SERVICE", "")):
        del os.environ["WANDB_SERVICE"]  # of an earlier test's; pytest has put it back
    yield
    for telemetry in list(handle.handles.values()):
        telemetry.uninstrument()
    for arrivals in (clients.arrivals, frameworks.arrivals):
        for watch in list(arrivals._watches):  # a child's, which would end with its process
            arrivals.forget(watch.keys)
    assert sessions.active == []
    assert wiring.patches._applied == {}


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """What is made once for all workers of pytest-xdist."""
    return Shared(tmp_path_factory)


@pytest.fixture(scope="session")
def demo_run(shared):
    """Give a finished run of the demo by the name of its plan."""
    from tests.support import demo_runs  # noqa: PLC0415 - not every test needs the demo, and numpy

    return cache(lambda name: shared.give(name, partial(demo_runs.train, name)))


@pytest.fixture
def api():
    from tests.support.mocking import openai_api  # noqa: PLC0415 - not every test needs openai

    with openai_api(assert_all_called=False) as mock:
        yield mock


@pytest.fixture(params=["sync", "async"])
def make_client(request):
    from tests.support import trainers  # noqa: PLC0415

    return getattr(trainers, f"{request.param}_client")
