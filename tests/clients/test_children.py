"""With LLM_TELEMETRY=1 and no edit: programs that never import openai, and the processes that they start."""

from pathlib import Path

import pytest

from tests.support.children import ROOT, payloads_in, python

PROGRAM = Path(__file__).parent / "programs" / "train.py"


def trained(server, tmp_path, by, *command):
    """The payload of the program's one step."""
    environment = {"ROOT": str(ROOT), "LLM_TELEMETRY": "1", "BASE_URL": server.url, "BY": by}
    python(*command, cwd=tmp_path, **environment)
    (payload,) = payloads_in(tmp_path)
    return payload


def assert_true(payload, server):
    assert payload["llm/executor/calls"] == len(server.books) == 3
    assert payload["tokens/executor/prompt"] == server.books.tokens().prompt
    assert payload["tokens/executor/cache_write"] == server.books.tokens().cache_write
    assert payload["telemetry/errors"] == 0


@pytest.mark.long
@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.parametrize("by", ["httpx", "requests", "anthropic"])
def test_calls_of_worker_processes_are_the_owner_s(server, tmp_path, by, method):
    payload = trained(server, tmp_path, by, "-m", "tests.clients.programs.train", method)
    assert_true(payload, server)
    assert payload["dataset/count"] == 3


@pytest.mark.long
def test_a_script_is_watched_whose_only_client_is_anthropic_s(server, tmp_path):
    assert_true(trained(server, tmp_path, "anthropic", PROGRAM), server)


@pytest.mark.parametrize(
    "by", ["anthropic", *(pytest.param(by, marks=pytest.mark.long) for by in ("httpx", "requests"))]
)
def test_a_module_is_watched_that_never_imports_openai(server, tmp_path, by):
    assert_true(trained(server, tmp_path, by, "-m", "tests.clients.programs.train"), server)
