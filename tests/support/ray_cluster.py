"""A cluster of Ray of the tests' own. `ray stop` would end every other one on this machine, too."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.support.children import PATIENCE, ROOT
from tests.support.machines import start_program

RAY = Path(sys.executable).with_name("ray")


class Node(NamedTuple):
    """A node that runs."""

    address: str | None
    """Where further nodes, and programs, find it; of a head."""
    pid: int
    """Of the process with whose death the node dies, all of it where it has a machine of its own."""


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
    """Run a node until this ends, and give it.

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
        yield Node(found and found[1], started.pid)
    finally:
        started.kill() if machine else started.terminate()
        started.communicate(timeout=PATIENCE)


_QUICKLY = '--system-config={"health_check_period_ms":500,"health_check_failure_threshold":2}'
"""So soon Ray knows that a node is dead; else it takes a quarter of a minute."""


@contextlib.contextmanager
def head(server):
    """Run a first node, and give the variables of programs that use its cluster, and a server of LLMs."""
    with folder() as here:
        known = variables(server, here)
        options = (
            "--head",
            "--port=0",
            "--num-cpus=2",
            "--include-dashboard=false",
            '--resources={"here": 10}',
            _QUICKLY,
        )
        with node(*options, **known) as first:
            yield known | {"RAY_ADDRESS": first.address}


@contextlib.contextmanager
def far(known, name):
    """Add a node that takes itself for another machine, with its own folder for temporary files; give the variables."""
    with folder() as there:
        to_join = (f"--address={known['RAY_ADDRESS']}", "--num-cpus=4", f'--resources={{"{name}": 10}}')
        environ = {key: value for key, value in known.items() if key != "RAY_ADDRESS"}
        with node(*to_join, machine=name, **environ | {"TMPDIR": there, "RAY_TMPDIR": there}) as one:
            yield known | {"FAR": name, "FAR_PROCESS": str(one.pid), "FAR_FOLDER": there}
