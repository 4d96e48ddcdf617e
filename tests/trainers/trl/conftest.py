"""What every test of TRL needs: the library itself, and a judge to ask."""

import pytest

pytest.importorskip("trl", reason="the dependency group trl is not installed")

import hashlib
import logging

from tests.support import llm_server
from tests.support.trainers import Memory


def verdict_on(text):
    """What the scripted judge says of a request: the same of the same text."""
    return hashlib.blake2b(text.encode()).digest()[0] % 3 != 0


@pytest.fixture
def judge_server(monkeypatch):
    """An endpoint whose model says yes or no."""

    def body(path, asked, number, books):
        said = "yes" if verdict_on(asked["messages"][-1]["content"]) else "no"
        whole = llm_server.openai_body(path, asked, number, books)
        whole["choices"][0]["message"]["content"] = said
        return whole

    monkeypatch.setitem(llm_server.BODIES, "openai", body)
    with llm_server.serving() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield server


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("transformers").setLevel(logging.ERROR)
