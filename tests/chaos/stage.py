"""Where chaos is played: in forked children of a process that has imported everything, and serves nothing itself."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import multiprocessing
import os
import select
import signal
import ssl
import sys
import tempfile
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace

from llm_telemetry.collectors.pricing import PriceTable
from tests.chaos import breaking

LIMIT = 120
"""Seconds until a child has hung; it needs less than one on an idle machine."""


def warm_up():
    """Do once what each child would have to do again: imports, prices, certificates."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_ERROR_REPORTING="false")
    ssl.create_default_context = functools.cache(ssl.create_default_context)  # nobody here speaks TLS; it takes 50 ms
    breaking.places()
    for model in ("gpt-4o-mini", "gpt-4.1-mini"):
        PriceTable().rate([model])
    for library in ("aiohttp", "anthropic", "boto3", "google.genai", "groq", "httpx", "openai", "requests"):
        importlib.import_module(library)


def side_by_side(work, things, jobs=None):
    """Yield what `work` gives for each thing, in their order, played in as many processes as there are cores."""
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("fork")) as workers:
        yield from workers.map(work, things)


def apart(work):
    """Return what `work(folder)` gives in a forked child, or in words how the child has ended instead."""
    with tempfile.TemporaryDirectory() as name:
        folder, (read, write) = Path(name), os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            _be_child(work, folder, write)
        os.close(write)
        try:
            told = _read_all(read)
        finally:
            os.close(read)
        if told is None:
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if told is None:
            return "it hung"
        return json.loads(told) if status == 0 else f"it ended with {status}:\n{(folder / 'log').read_text()[-1500:]}"


def _be_child(work, folder, write):
    code = 1
    with (folder / "log").open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        told = json.dumps(work(folder)).encode()
        while told:
            told = told[os.write(write, told) :]
        code = 0
    except BaseException:  # noqa: BLE001 - it is told in the log, and by the code
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _read_all(read):
    """Return all that comes until the end; `None` where nothing more comes, and no end."""
    told = b""
    while select.select([read], [], [], LIMIT)[0]:
        piece = os.read(read, 1 << 16)
        if not piece:
            return told
        told += piece
    return None


@contextlib.contextmanager
def served(serve):
    """Give what `serve()` yields, which serves in a process of its own: one with threads had better not fork."""
    (read, write), (stay, leave) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(leave)
        with serve() as told:
            os.write(write, json.dumps(told).encode())
            os.close(write)
            os.read(stay, 1)
        os._exit(0)
    os.close(write)
    try:
        yield SimpleNamespace(**json.loads(_read_all(read)))
    finally:
        os.close(leave)
        os.waitpid(pid, 0)
