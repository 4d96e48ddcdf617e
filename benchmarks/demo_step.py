"""What telemetry adds to a step of the demo: 64 rollouts of three to four calls each, a judge among them.

Two trainers of the same seed ask the same and are told the same, so that a step with telemetry has its pair without.
They take turns in one process, some milliseconds each, so that what slows one slows both. Each has a copy of the SDK
and of the demo, with classes of its own, for Python forgets what it has learnt about a class when a method of it is
hooked, and a training is hooked once: see `calls.py`. What counts is the CPU time of the process, all its threads; the
server is in another one.

    python benchmarks/demo_step.py          what a step takes with telemetry over the same without
    python benchmarks/demo_step.py without  the same with hooks on neither: 1, as far as the rest can be trusted
    python benchmarks/demo_step.py parts    which part of our bytecodes in a step is whose

What decides is counted in `tests/lifecycle/test_work_of_a_rollout.py`, where no load of the machine disturbs.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calls import PACKAGES, loaded, seconds
from figures import figure

import llm_telemetry
from llm_telemetry import instrument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, ModuleType

    from figures import Figure

PAIRS, WARM = 80, 6
"""Pairs of steps that count, and steps of each trainer before these."""
TURN = 0.01
"""Seconds after which it is the other one's turn, in the middle of a step: what else the machine does is for both."""
ITEMS, GROUP = 16, 4
DEMO = "llm_telemetry.demo"
SERVER = f"""
from {DEMO}.models import CALM, demo_server
with demo_server(day=CALM) as server:
    print(server.base_url, flush=True)
    input()
"""
OURS = str(Path(llm_telemetry.__file__).parent)
PARTS = {
    "clients/": "calls",
    "judging/": "judge",
    "lifecycle/evaluation.py": "judge",
    "lifecycle/": "rollouts",
    "session/inbox.py": "booking",
    "session/session.py flush": "flush",
}
"""Where a part begins: a file, or a function in one; what that calls elsewhere is of the same part."""


class Copy:
    """A trainer on classes of its own."""

    def __init__(self, url: str) -> None:
        for name in loaded(*PACKAGES, DEMO):
            del sys.modules[name]
        config = importlib.import_module(f"{DEMO}.config").DemoConfig
        make = importlib.import_module(f"{DEMO}.trainer").GRPOTrainer
        # a policy that learns would soon ask something else than its pair, once they were told something else
        settings = {"batch_size": ITEMS, "group_size": GROUP, "workflow_timeout": 60.0, "learning_rate": 0.0}
        self.trainer = make(config(url, **settings))
        self._loop = asyncio.new_event_loop()
        self._steps = 0
        self._modules: dict[str, ModuleType] = loaded(*PACKAGES, DEMO)
        self.step()  # what the SDK imports as late as in a call is this copy's, too
        self._modules = loaded(*PACKAGES, DEMO)

    def use(self) -> None:
        """Be what is imported by these names."""
        for name in loaded(*PACKAGES, DEMO):
            del sys.modules[name]
        sys.modules.update(self._modules)

    def step(self) -> None:
        """Take the next step."""
        self.begin()
        while self.is_busy:
            self.turn(1.0)

    def begin(self) -> None:
        """Begin the next step, of which nothing is done yet."""
        self._steps += 1
        self._task = self._loop.create_task(self.trainer.train_step(self._steps))
        self._task.add_done_callback(lambda _: self._loop.stop())

    @property
    def is_busy(self) -> bool:
        """Whether the step goes on."""
        return not self._task.done()

    def turn(self, most: float) -> float:
        """Go on with the step, for so many seconds at most, and return the CPU seconds of that."""
        self.use()
        end = self._loop.call_later(most, self._loop.stop)
        took = seconds(self._loop.run_forever)
        end.cancel()
        return took

    def close(self) -> None:
        """Close the trainer's clients and the loop."""
        self.trainer.close()
        self._loop.close()


@contextmanager
def two_copies(*, hooked: bool = True) -> Iterator[tuple[Copy, Copy]]:
    """Give two trainers that have taken the same steps; the first one is watched, if hooks are asked for."""
    with ExitStack() as stack:
        command = [sys.executable, "-c", SERVER]
        server = stack.enter_context(subprocess.Popen(command, stdin=-1, stdout=-1, text=True))  # noqa: S603 - our words
        stack.callback(server.kill)
        url = (server.stdout or sys.stdin).readline().strip()
        copies = [Copy(url), Copy(url)]
        for copy in copies:
            stack.callback(copy.close)
        copies[0].use()
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        if hooked:
            stack.enter_context(instrument(copies[0].trainer, folder=folder, run=False, console=0))
        for copy in copies:
            copy.use()
            for _ in range(WARM):
                copy.step()
        yield copies[0], copies[1]


def ratios(*, hooked: bool = True) -> list[float]:
    """Return what each step takes with telemetry over the same step without."""
    told = []
    with two_copies(hooked=hooked) as (watched, plain):
        for pair in range(PAIRS):
            gc.collect()
            gc.freeze()  # a step has its own garbage; to look at all that was there before is whose turn it just is
            order = (watched, plain) if pair % 2 else (plain, watched)
            took = dict.fromkeys(order, 0.0)
            for copy in order:
                copy.begin()
            while busy := [copy for copy in order if copy.is_busy]:
                for copy in busy:
                    took[copy] += copy.turn(TURN)
            told.append(took[watched] / took[plain])
    return told


def parts() -> dict[str, int]:
    """Return how many bytecodes of ours a step runs in each part."""
    counts: Counter[str] = Counter()

    def part_of(frame: FrameType | None) -> str:
        while frame is not None:
            place = f"{frame.f_code.co_filename.removeprefix(OURS)[1:]} {frame.f_code.co_name}"
            found = next((part for begins, part in PARTS.items() if place.startswith(begins)), None)
            if found is not None:
                return found
            frame = frame.f_back
        return "hooks"

    def enter(frame: FrameType, _event: str, _: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(OURS) or name.startswith((f"{OURS}/demo", f"{OURS}/testing")):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        part = part_of(frame)

        def follow(_frame: FrameType, event: str, _: object) -> Any:
            counts[part] += event == "opcode"
            return follow

        return follow

    with two_copies() as (watched, _):
        watched.use()
        sys.settrace(enter)
        watched.step()
        sys.settrace(None)
    return dict(counts.most_common())


def figures() -> list[Figure]:
    """Return what a step takes with telemetry over the same without."""
    meaning = (
        f"how much longer a step of {ITEMS * GROUP} rollouts keeps the CPU, with three to four calls each and a judge"
    )
    return [figure("a step of the demo", ratios(), "×", meaning)]


if __name__ == "__main__":
    if sys.argv[1:] == ["parts"]:
        counted = parts()
        for part, count in counted.items():
            print(f"{part:10} {count:9,} {count / sum(counted.values()):5.1%}")
    else:
        print(figure("a step", ratios(hooked=sys.argv[1:] != ["without"]), "×", ""))
