"""What the start of a worker of Ray imports of us: little, until it takes part in a training that is watched."""

from llm_telemetry.words import CHILDREN
from tests.support.children import ROOT, python

MANAGER = """
class FunctionActorManager:
    def _make_actor_method_executor(self): ...
    def get_execution_info(self): ...
"""
WORKER = """
import sys
import ray._private.function_manager
print(*(name for name in sys.modules if name.startswith("llm_telemetry.")))
"""
MAY_BE_IMPORTED = {
    *("activation", "activation.finder"),
    *("guard", "imports", "names", "objects", "words"),
    *("hooks", "hooks.patching"),
    *("processes", "processes.actors", "processes.children", "processes.nodes"),
    *("session", "session.copies", "session.folders", "session.roles", "session.sessions", "session.writers"),
}


def test_the_start_of_a_worker_imports_neither_collectors_nor_clients_nor_verdicts(tmp_path):
    """Ray's own script and module are stood in for by some of their names, so that no Ray is needed."""
    package = tmp_path / "ray" / "_private"
    package.mkdir(parents=True)
    (package / "function_manager.py").write_text(MANAGER)
    (tmp_path / "default_worker.py").write_text(WORKER)
    environ = {"LLM_TELEMETRY": "1", CHILDREN: str(tmp_path / "llm_telemetry-1-aa-bb")}
    done = python(tmp_path / "default_worker.py", cwd=tmp_path, PYTHONPATH=str(ROOT), **environ)
    imported = {name.removeprefix("llm_telemetry.") for name in done.stdout.split()}
    assert "processes.actors" in imported
    assert imported <= MAY_BE_IMPORTED
    assert done.stderr == ""
