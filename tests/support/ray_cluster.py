"""A cluster of Ray of the tests' own. `ray stop` would end every other one on this machine, too."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.children import PATIENCE, ROOT
from tests.support.machines import start_program

RAY = Path(sys.executable).with_name("ray")


def variables(server, folder, **more):
    """What a program needs to use the cluster in this folder, and a server of LLMs."""
    known = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none", "RAY_AUTH_MODE": "disabled"}
    return {**known, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": folder, **more}


@contextlib.contextmanager
def folder():
    """Give a folder for a cluster: its sockets must have short names."""
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as name:
        yield name


@contextlib.contextmanager
def node(*arguments, machine="", **environ):
    """Run a node until this ends, and give what a program or a further node has to know of it: its address.

    Args:
        arguments: What to tell `ray start`.
        machine: The name of a machine of its own.
        environ: Its variables; none of ours that are not here.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LLM_TELEMETRY")}
    program = (RAY, "start", "--disable-usage-stats", "--block", *arguments)
    own = {**clean, "PYTHONUNBUFFERED": "1", "RAY_AUTH_MODE": "disabled", **environ}
    started = start_program(machine, *program, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        for line in started.stdout:
            said.append(line)
            if "--block" in line:  # the last that it says
                break
        assert "--block" in "".join(said[-1:]), "".join(said)
        found = re.search(r"--address='([^']+)'", "".join(said))
        yield found and found[1]
    finally:
        started.kill() if machine else started.terminate()
        started.communicate(timeout=PATIENCE)
