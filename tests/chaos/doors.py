"""`python -m tests.chaos.doors`: each function of ours raises, one after the other, and no trainer sees anything of it.

First each scene is played with telemetry, to see which functions it runs, and which of those run outside of the guard:
these cannot fail open, and `test_doors.py` reads them instead. Then each of the others is broken, in the quickest scene
that runs it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
import threading
import time

from llm_telemetry.testing import LLMServer, Reply
from tests.chaos import breaking, scenes, stage
from tests.shapes import scripted
from tests.support.other_apis import other_apis

AT_ONCE = 25
"""Functions that are broken in one child."""


def answer(request):
    """Answer as the models of the scenes do."""
    if request.user == "refuse":
        return Reply(refusal="no")
    try:
        return scripted.answer(request)
    except StopIteration:
        return "True"


@contextlib.contextmanager
def serve():
    """Serve what the scenes ask."""
    with LLMServer(answer) as server, other_apis() as other:
        yield {"url": server.url, "other": other.url}


def play(name, at, folder, *, watched):
    """Play a scene; return what its trainer's author sees."""
    return scenes.SCENES[name](scenes.World(at.url, at.other, folder, watched))


def play_broken(name, at, broken, folder):
    """Play a scene for each of these functions and kinds of failure; return what is seen each time."""
    seen = []
    for number, (place, kind) in enumerate(broken):
        (folder / str(number)).mkdir()
        with breaking.broken(place, kind):
            seen.append(play(name, at, folder / str(number), watched=True))
    return seen


def observed(name, at, folder):
    """Play a scene; return what is seen, and the functions that it, or a child of it, runs in the guard and outside."""
    known = {"inside": set(), "outside": set()}
    notes = os.open(folder / "functions", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def look(frame, event, _):
        if event == "call" and (place := breaking.place_of(frame.f_code)) is not None:
            where = "inside" if _is_guarded(frame) else "outside"
            if place not in known[where]:
                known[where].add(place)
                os.write(notes, f"{where} {place}\n".encode())  # at once: a forked child ends without a word

    threading.setprofile(look)
    sys.setprofile(look)
    seen = play(name, at, folder, watched=True)
    sys.setprofile(None)
    threading.setprofile(None)
    noted = {tuple(line.split(" ", 1)) for line in (folder / "functions").read_text().splitlines()}
    return {"seen": seen, **{key: sorted(place for where, place in noted if where == key) for key in known}}


def _is_guarded(frame):
    """Tell whether a function of ours runs within the guard, and not as the guard's own report."""
    while frame.f_back is not None:
        called_by = frame.f_back.f_code
        if called_by in breaking.GUARDS and frame.f_code.co_name not in ("report", "_do_postponed"):
            return True
        if "_llm_telemetry_autostart" in called_by.co_filename and called_by.co_name == "attempt":
            return True
        frame = frame.f_back
    return False


def explored(at, names):
    """Play all scenes, watched and not; return each one's plain outcome, duration and functions, and what differs."""
    found, wrong = {}, []
    for name, (plain, told, seconds) in zip(
        names, stage.side_by_side(functools.partial(_explore, at), names), strict=True
    ):
        if isinstance(plain, str) or isinstance(told, str) or plain != told["seen"]:
            wrong.append(
                f"{name}: {plain} without telemetry, {told if isinstance(told, str) else told['seen']} with it"
            )
        else:
            found[name] = {**told, "plain": plain, "seconds": seconds}
    return found, wrong


def _explore(at, name):
    plain = stage.apart(functools.partial(play, name, at, watched=False))
    start = time.perf_counter()
    return plain, stage.apart(functools.partial(observed, name, at)), time.perf_counter() - start


def guarded_in(found):
    """Return the functions that ran within the guard and nowhere else; the guard itself is left to its own tests."""
    outside = {place for scene in found.values() for place in scene["outside"]}
    inside = {place for scene in found.values() for place in scene["inside"]}
    return sorted(place for place in inside - outside if not place.startswith(breaking.LEFT_OUT))


def broken_everywhere(at, found, kinds):
    """Break each function that runs within the guard only; yield what a trainer saw of it.

    Many are broken in one child, one after the other; a child that saw something plays them again, each in its own.
    """
    breakable, quickest = set(guarded_in(found)), {}
    for name, scene in sorted(found.items(), key=lambda pair: -pair[1]["seconds"]):
        quickest.update(dict.fromkeys(breakable.intersection(scene["inside"]), name))
    jobs = {}
    for number, (place, name) in enumerate(sorted(quickest.items())):
        jobs.setdefault(name, []).append((place, kinds[number % len(kinds)]))
    batches = [
        (name, broken[i : i + size], found[name]["plain"])
        for name, broken in jobs.items()
        for size in [1 if name in scenes.ONCE else AT_ONCE]
        for i in range(0, len(broken), size)
    ]
    for differences in stage.side_by_side(functools.partial(_differences, at), batches):
        yield from differences


def _differences(at, batch):
    name, broken, expected = batch
    if stage.apart(functools.partial(play_broken, name, at, broken)) == [expected] * len(broken):
        return []
    seen = [(*one, stage.apart(functools.partial(play_broken, name, at, [one]))) for one in broken]
    return [
        f"{place} raises ({kind}) in {name}: {expected} is seen without telemetry, {told} with it"
        for place, kind, told in seen
        if told != [expected]
    ]


def hooks():
    """Return the functions that take the place of others: whatever has the arguments of a wrapper of wrapt's."""
    return [
        breaking.place_of(code)
        for code in {one for function in breaking.live() for one in breaking.inner(function.__code__)}
        if [name.lstrip("_") for name in code.co_varnames[: code.co_argcount]]
        == ["wrapped", "instance", "args", "kwargs"]
    ]


def main():
    """Explore and break; tell what was seen of it, and which hooks no scene goes through."""
    stage.warm_up()
    names = [name for name in scenes.SCENES if not sys.argv[1:] or any(name.startswith(one) for one in sys.argv[1:])]
    with stage.served(serve) as at:
        found, wrong = explored(at, names)
        wrong += unexplored(found) if not sys.argv[1:] else []
        for one in broken_everywhere(at, found, ("plain", "hostile")):
            sys.stdout.write(f"{one}\n")
            sys.stdout.flush()
            wrong.append(one)
    ran, outside = ({place for scene in found.values() for place in scene[key]} for key in ("inside", "outside"))
    told = (
        f"{len(ran | outside)} of {len(breaking.places())} functions run, {len(outside)} of them outside of the guard"
    )
    sys.stdout.write("\n".join([*wrong, told, ""]))
    return 1 if wrong else 0


ELSEWHERE = {"processes/actors.py": "ray", "trainers/actors.py": "ray", "ray.py": "ray"}
"""Whose hooks need a library that is in an environment of its own, see tests/matrix."""

BY_ITSELF = ("observe_request",)
"""Hooks that the profiler does not see in a child; `other_tool` goes through it, and test_doors.py reads it."""


def unexplored(found):
    """Return the hooks that no scene has gone through: one that is new needs a scene."""
    outside = {place for scene in found.values() for place in scene["outside"]}
    return [
        f"{place} is a hook, and no scene goes through it"
        for place in hooks()
        if place not in outside and not place.endswith(BY_ITSELF)
        if importlib.util.find_spec(ELSEWHERE.get(place.partition(":")[0], "os"))
    ]


if __name__ == "__main__":
    sys.exit(main())
