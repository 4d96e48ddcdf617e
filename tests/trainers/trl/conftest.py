"""What every test of TRL needs: a judge to ask. Without the dependency group `trl` none of them is collected."""

import hashlib
import importlib.util
import logging
import os

import pytest

from llm_telemetry.testing import LLMServer
from tests.support.trainers import Memory

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # it warns where it is imported, and warnings are errors
os.environ.setdefault("OMP_NUM_THREADS", "1")  # models of two layers are no work for several
collect_ignore_glob = ["test_*.py"] if importlib.util.find_spec("trl") is None else []


def verdict_on(text):
    """What the scripted judge says of a request: the same of the same text."""
    return hashlib.blake2b(text.encode()).digest()[0] % 3 != 0


@pytest.fixture
def judge_server(monkeypatch):
    """An endpoint whose model says yes or no."""
    with LLMServer(lambda request: "yes" if verdict_on(request.user) else "no") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield server


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("transformers").setLevel(logging.ERROR)
