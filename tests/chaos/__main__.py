"""`make chaos N=300 SEED=0`: random trainers among random faults, in children, with telemetry and without.

First each function of ours is made to raise (`tests.chaos.doors`), which finds those that the programs may break. Then
each program ends as without us, nothing hangs, and every number that is present is true or marked. What fails is told
with its seed: `python -m tests.chaos --seed SEED --count 1 --verbose` plays it again.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from llm_telemetry import instrument
from llm_telemetry.testing import Faults, LLMServer
from tests.chaos import doors, faults, programs, scenes, stage

KINDS = ("inside", "children", "clock", "disk", "sink", "signals", "server", "impossible")
QUICK = ("awkward", "openai_async", "openai_sync", "wandb_model")
"""The scenes by which functions to break are found where that has to be quick."""


def play(seed, breakable, folder, *, watched):
    """Train one random trainer; return what its author sees, and what there is to check."""
    dice = random.Random(seed)
    habits = programs.Habits.drawn(seed)
    kinds = {kind for kind in KINDS if dice.random() < 0.2}
    failing = faults.hostile_server(dice) if "server" in kinds else Faults()
    stop, telemetry = threading.Event(), None
    with contextlib.ExitStack() as broken:
        server = LLMServer(lambda request: faults.said(request, "impossible" in kinds), faults=failing, seed=seed)
        broken.enter_context(server)
        trainer = programs.made(habits, server.base_url, folder)
        if watched:
            if "clock" in kinds:
                faults.break_clock(dice)
            if "inside" in kinds:
                faults.break_inside(dice, breakable, broken)
            run = None if habits.logs_to_wandb else False
            own = own_parts(kinds, dice, folder / "telemetry")
            telemetry = instrument(trainer, folder=folder / "telemetry", run=run, console=0, **own)
            if "children" in kinds:
                faults.write_rubbish(dice, telemetry)
        thread = faults.signals(telemetry, stop) if "signals" in kinds else None
        seen = programs.trained(trainer, telemetry)
        stop.set()
        if thread is not None:
            thread.join()
        if telemetry is not None:
            telemetry.uninstrument()
        seen.append(programs.rows_of(trainer))
        asked = sorted(entry.request.key for entry in server.books)
        truth = {"calls": server.books.calls(), "tokens": sum(server.books.tokens()[:2]), **trainer.known}
    return {"seen": seen, "asked": asked, "truth": truth, "kinds": sorted(kinds), "told": faults.told}


def own_parts(kinds, dice, folder):
    """Return the sinks and collectors that the kinds of faults bring along."""
    sinks = [faults.Vandal(folder, leaves_a_file=dice.random() < 0.5)] if "disk" in kinds else []
    if "sink" not in kinds:
        return {"sinks": sinks}
    return {"sinks": [*sinks, faults.Raising()], "collectors": [faults.Raising()]}


def played(seed, breakable):
    """Play a program without telemetry and with it; return how it was with, and what is wrong with that."""
    plain = stage.apart(functools.partial(play, seed, breakable, watched=False))

    def with_telemetry(folder):
        watched = play(seed, breakable, folder, watched=True)
        return {**watched, "problems": list(problems(plain, watched, folder / "telemetry"))}

    watched = stage.apart(with_telemetry)
    if isinstance(plain, str) or isinstance(watched, str):
        return watched, [f"without telemetry: {str(plain)[:300]}\nwith telemetry: {str(watched)[:1500]}"]
    return watched, watched["problems"]


def payloads(folder):
    """Return the payloads that are on disk; whatever is not strict JSON raises."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    lines = [json.loads(line, parse_constant=refuse) for file in files for line in file.read_text().splitlines()]
    return [line["payload"] for line in lines if "payload" in line]


def problems(plain, watched, folder):
    """Yield what telemetry has changed, and what it has said that is not so."""
    if isinstance(plain, str):
        return
    for what in ("seen", "asked"):
        if plain[what] != json.loads(json.dumps(watched[what])):
            yield f"{what}: {plain[what]} without telemetry, {watched[what]} with"
    try:
        told = payloads(folder)
    except ValueError as error:
        yield f"a line of the JSONL is no JSON: {error}"
        return
    truth, kinds = watched["truth"], set(watched["kinds"])
    by_split = {"dataset/count": truth.get("train", 0), "val/count": truth.get("val", 0)}
    for key, known in by_split.items():
        counted = sum(payload.get(key, 0) for payload in told)
        if not is_marked(told, kinds):  # a validation that could not be opened is training's, and counted as a failure
            yield from untrue(key, counted, known, told, kinds)
    for key, known in (("tokens/total", truth["tokens"]), ("cost/total_samples", sum(by_split.values()))):
        if not (key == "tokens/total" and kinds & {"impossible", "server"}):
            yield from untrue(key, max([payload.get(key, 0) for payload in told], default=0), known, told, kinds)


def untrue(key, counted, known, told, kinds):
    """Yield a number that is not the true one; less is allowed where that is marked."""
    if counted > known or (counted < known and not is_marked(told, kinds)):
        yield f"{key}: {counted} counted, {known} known, {len(told)} payloads"


def is_marked(told, kinds):
    """Tell whether something is known to be missing: a failure was counted, or nothing could be written."""
    return "disk" in kinds or not told or any(payload.get("telemetry/errors", 0) for payload in told)


def main():
    """Play, and tell what failed."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("--seed", type=int, default=0, help="of the first program (default: 0)")
    options.add_argument("--count", type=int, default=300, help="programs (default: 300)")
    options.add_argument("--quick", action="store_true", help="break only what a few scenes run")
    options.add_argument("--verbose", action="store_true", help="tell each program")
    given = options.parse_args()
    stage.warm_up()
    for seed in CALM:
        with tempfile.TemporaryDirectory() as folder:
            play(seed, (), Path(folder), watched=True)
    gc.freeze()  # what is here is not copied into each child by looking for what is gone
    with stage.served(doors.serve) as at:
        found, failed = doors.explored(at, QUICK if given.quick else list(scenes.SCENES))
        if given.count >= FEW:
            failed += doors.unexplored(found)
            failed += doors.broken_everywhere(at, found, ("plain", "hostile"))
    sys.stdout.write("".join(f"{one}\n" for one in failed))
    start = time.monotonic()
    failed += run(given.seed, given.count, doors.guarded_in(found), verbose=given.verbose)
    took = f"{time.monotonic() - start:.0f} s, {time.process_time():.0f} s of CPU here"
    sys.stdout.write(
        f"{given.count} programs from seed {given.seed}: {len(failed)} failed {failed[:20] or ''} ({took})\n"
    )
    return 1 if failed else 0


CALM = (755, 1130)
"""Programs without a fault, an async and a sync one: what they have imported and compiled, no other has to."""
FEW = 100
"""Programs from which on every function is broken first."""


def run(seed, count, breakable, *, verbose=False):
    """Play `count` programs; return the seeds of those that failed."""
    failed, seeds = [], range(seed, seed + count)
    for number, (watched, found) in zip(
        seeds, stage.side_by_side(functools.partial(played, breakable=breakable), seeds), strict=True
    ):
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
