"""Each tracker in a folder of its own, and no run of it left behind."""

import pytest

from llm_telemetry import guard
from tests.support.tracker_stores import STORES, end_runs


@pytest.fixture
def lenient(monkeypatch):
    """As in production: failures of ours are counted, and pass."""
    monkeypatch.setattr(guard, "failures", guard.Failures())
    monkeypatch.setattr(guard, "find_here", [])
    return guard.failures


@pytest.fixture
def store(request, tmp_path):
    """The tracker that a test asks for, empty."""
    made = STORES[request.param](tmp_path)
    yield made
    end_runs()


@pytest.fixture
def stores(tmp_path):
    """One of each, empty."""
    yield {name: make(tmp_path) for name, make in STORES.items() if name != "mlflow files"}
    end_runs()
