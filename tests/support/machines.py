"""Processes that are on a machine of their own: with a host name and process ids that others have, too."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.children import ROOT

_ENTER = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c")
_SCRIPT = 'hostname "$0" && "$@"; exit $?'  # the shell is process 1: what follows can be killed


def _can_enter():
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_ENTER, _SCRIPT, "there", "true"], check=False, capture_output=True).returncode == 0


several_machines = pytest.mark.skipif(not _can_enter(), reason="only root on Linux can make machines")


def start(machine, *arguments, cwd, **environ):
    """Start a Python program on a machine of this name; where it is empty, on the one of the tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    env = {**clean, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environ}
    program = [sys.executable, "-W", "ignore", *map(str, arguments)]
    return start_program(machine, *program, cwd=cwd, env=env, stderr=subprocess.PIPE, text=True)


def start_program(machine, *program, **options):
    """Start any program there; who kills it kills all that it has started."""
    return subprocess.Popen([*_ENTER, _SCRIPT, machine, *program] if machine else program, **options)
