"""`make chaos N=300 SEED=0`: random trainers among random faults, in children, with telemetry and without.

Each ends as without us, nothing hangs, and every number that is present is true or marked. What fails is told with its
seed: `python -m tests.chaos --seed SEED --count 1 --verbose` plays it again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from llm_telemetry import instrument
from llm_telemetry.testing import Faults, LLMServer
from tests.chaos import faults, programs

LIMIT = 120
"""Seconds until a child has hung; it needs less than one on an idle machine."""
KINDS = ("inside", "clock", "disk", "sink", "signals", "server", "impossible")


def play(seed, folder, *, watched):
    """Train one random trainer; return what its author sees, and what there is to check."""
    dice = random.Random(seed)
    habits = programs.Habits.drawn(seed)
    kinds = {kind for kind in KINDS if dice.random() < 0.2}
    failing = faults.hostile_server(dice) if "server" in kinds else Faults()
    told, stop, telemetry = [], threading.Event(), None
    with LLMServer(lambda request: faults.said(request, "impossible" in kinds), faults=failing, seed=seed) as server:
        trainer = programs.made(habits, server.base_url)
        if watched:
            if "clock" in kinds:
                faults.break_clock(dice)
            telemetry = instrument(trainer, folder=folder, run=False, console=0, **own_parts(kinds, dice, folder))
            told = [faults.break_inside(dice)] if "inside" in kinds else []
        thread = faults.signals(telemetry, stop) if "signals" in kinds else None
        seen = programs.trained(trainer, telemetry)
        stop.set()
        if thread is not None:
            thread.join()
        if telemetry is not None:
            telemetry.uninstrument()
        asked = sorted(entry.request.key for entry in server.books)
        truth = {"calls": server.books.calls(), "tokens": sum(server.books.tokens()[:2]), **trainer.known}
    return {"seen": seen, "asked": asked, "truth": truth, "kinds": sorted(kinds), "told": told}


def own_parts(kinds, dice, folder):
    """Return the sinks and collectors that the kinds of faults bring along."""
    sinks = [faults.Vandal(folder, leaves_a_file=dice.random() < 0.5)] if "disk" in kinds else []
    if "sink" not in kinds:
        return {"sinks": sinks}
    return {"sinks": [*sinks, faults.Raising()], "collectors": [faults.Raising()]}


def child(seed, folder, *, watched):
    """Play in a forked child; return what it returned, or how it ended instead."""
    answer = folder / f"answer-{watched}.json"
    pid = os.fork()
    if pid == 0:
        with (folder / f"log-{watched}.txt").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = 1
        try:
            answer.write_text(json.dumps(play(seed, folder / "telemetry", watched=watched)))
            code = 0
        except BaseException:  # noqa: BLE001 - it is told in the log, and by the code
            import traceback  # noqa: PLC0415

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    for _ in range(LIMIT * 100):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "it hung"
    if os.waitstatus_to_exitcode(status) != 0:
        return (
            f"it ended with {os.waitstatus_to_exitcode(status)}:\n{(folder / f'log-{watched}.txt').read_text()[-1500:]}"
        )
    return json.loads(answer.read_text())


def payloads(folder):
    """Return the payloads that are on disk; whatever is not strict JSON raises."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    lines = [json.loads(line, parse_constant=refuse) for file in files for line in file.read_text().splitlines()]
    return [line["payload"] for line in lines if "payload" in line]


def problems(plain, watched, folder):
    """Yield what telemetry has changed, and what it has said that is not so."""
    if isinstance(plain, str) or isinstance(watched, str):
        if plain != watched:
            yield f"without telemetry: {str(plain)[:300]}\nwith telemetry: {str(watched)[:1500]}"
        return
    for what in ("seen", "asked"):
        if plain[what] != watched[what]:
            yield f"{what}: {plain[what]} without telemetry, {watched[what]} with"
    try:
        told = payloads(folder)
    except ValueError as error:
        yield f"a line of the JSONL is no JSON: {error}"
        return
    truth, kinds = watched["truth"], set(watched["kinds"])
    for key, known in (("dataset/count", truth.get("train", 0)), ("val/count", truth.get("val", 0))):
        counted = sum(payload.get(key, 0) for payload in told)
        yield from untrue(key, counted, known, told, kinds)
    for key, known in (("tokens/total", truth["tokens"]), ("cost/total_samples", sum_of(truth))):
        if not (key == "tokens/total" and kinds & {"impossible", "server"}):
            yield from untrue(key, max([payload.get(key, 0) for payload in told], default=0), known, told, kinds)


def sum_of(truth):
    """Return the number of all rollouts."""
    return truth.get("train", 0) + truth.get("val", 0)


def untrue(key, counted, known, told, kinds):
    """Yield a number that is not the true one; less is allowed where that is marked, or could not be written."""
    marked = "disk" in kinds or not told or any(payload.get("telemetry/errors", 0) for payload in told)
    if counted > known or (counted < known and not marked):
        yield f"{key}: {counted} counted, {known} known, {len(told)} payloads"


def main():
    """Play, and tell what failed."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("--seed", type=int, default=0, help="of the first program (default: 0)")
    options.add_argument("--count", type=int, default=300, help="programs (default: 300)")
    options.add_argument("--verbose", action="store_true", help="tell each program")
    given = options.parse_args()
    failed = run(given.seed, given.count, verbose=given.verbose)
    sys.stdout.write(f"{given.count} programs from seed {given.seed}: {len(failed)} failed {failed[:20] or ''}\n")
    return 1 if failed else 0


def run(seed, count, *, verbose=False):
    """Play `count` programs; return the seeds of those that failed."""
    faults.functions()  # imports, so that the children have it all
    failed = []
    for number in itertools.islice(itertools.count(seed), count):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            plain, watched = (child(number, folder, watched=watched) for watched in (False, True))
            found = list(problems(plain, watched, folder / "telemetry"))
        if found or verbose:
            about = "" if isinstance(watched, str) else f"{watched['kinds']} {watched['told']}"
            told = "\n  ".join([f"seed {number}: {programs.Habits.drawn(number)} {about}", *found])
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
        if found:
            failed.append(number)
    return failed


if __name__ == "__main__":
    sys.exit(main())
