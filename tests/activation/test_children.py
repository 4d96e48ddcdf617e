"""With LLM_TELEMETRY=1, what spawned children see is in the payload of their owner."""

import pytest

from llm_telemetry.demo.models import CALM, demo_server
from tests.support.children import payloads_in, python


@pytest.mark.long
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_rollouts_of_a_process_pool_are_the_owner_s(tmp_path, method):
    with demo_server(day=CALM) as server:
        python(
            *("-m", "tests.processes.programs.spawn", method), cwd=tmp_path, LLM_TELEMETRY="1", BASE_URL=server.base_url
        )
    train, val = payloads_in(tmp_path)
    assert [train[f"dataset/{key}"] for key in ("count", "accuracy")] == [6, 100]
    assert [val[f"val/{key}"] for key in ("count", "accuracy")] == [2, 100]
    assert (train["llm/executor/calls"], val["val/llm/executor/calls"]) == (6, 2)
    assert [train[f"judge/{key}"] for key in ("correct_count", "incorrect_count")] == [6, 6]
    told = server.books.tokens()
    assert val["tokens/total"] == told.prompt + told.completion


def test_a_library_that_is_imported_as_we_look_around_is_imported_once(tmp_path):
    """We import `email` too, and a package that is loaded within its own import has lost its modules."""
    (tmp_path / "requests.py").write_text("import email.message\nMessage = email.message.Message\n")
    done = python(
        "-c", "import requests", cwd=tmp_path, LLM_TELEMETRY="1", LLM_TELEMETRY_SPOOL=str(tmp_path / "shared")
    )
    assert done.stderr == ""
