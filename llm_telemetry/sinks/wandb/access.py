"""Where we touch W&B's own objects: what is private there is tested for here, and undone from here."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ABSENT = object()
LONGEST_WAIT = 1.0
"""Seconds that W&B's process has to tell its counter; it takes some 0.5 ms."""


def current_run() -> Any | None:
    """Return `wandb.run`; `None` too where the program has not imported wandb: we never do it for them."""
    return getattr(sys.modules.get("wandb"), "run", None)


def is_live(run: Any) -> bool:
    """Tell whether rows can be written to `run`: begun in this very process, not disabled, not finished.

    The process comes first: for a run inherited from another one, W&B's properties connect to its service.
    """
    if run is None or getattr(run, "_init_pid", os.getpid()) != os.getpid():
        return False
    return not (getattr(run, "_is_finished", False) or getattr(run, "disabled", False))


def ignores_steps(run: Any) -> bool:
    """Tell whether W&B ignores `step=` in this run: in its shared mode, and while it follows TensorBoard."""
    patched = getattr(sys.modules.get("wandb"), "patched", None) or {}
    return bool(patched.get("tensorboard")) or is_shared(run)


def is_shared(run: Any) -> bool:
    """Tell whether several processes write to `run`, which then has no counter to ask for."""
    return bool(getattr(getattr(run, "_settings", None), "_shared", False))


def counts_here(run: Any) -> bool:
    """Tell whether `run.step` is a count in this process (W&B 0.22 and before), which drifts once rows are dropped.

    Later ones ask W&B's own process, whose count is the true one.
    """
    return hasattr(run, "_step")


def counter_of(run: Any) -> int:
    """Return the run's counter, as W&B's own process tells it.

    Raises:
        TimeoutError: It does not answer. `run.step` would wait half a minute for it, in the trainer's `log`.
    """
    deliver = getattr(getattr(run, "_interface", None), "deliver_history_step", None)
    asked: Any = None if deliver is None else deliver()
    step = asked.wait_or(timeout=LONGEST_WAIT).step if hasattr(asked, "wait_or") else run.step
    return max(int(step), int(run.starting_step))  # `step` of a resumed run is 0 until its first row


def folder(run: Any) -> Path:
    """Return the folder of `run`, where W&B keeps its log and its files."""
    return Path(run.dir).parent


def alert(run: Any, title: str, text: str) -> None:
    """Send an alert, also shortly after another: the alarm has a cooldown of its own."""
    send = getattr(run, "alert", None)
    if send is not None:
        send(title=title, text=text, level="WARN", wait_duration=1)


def table(run: Any, key: str, step: int, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Return W&B's table of `rows`, its file written already; there is a run, so there is W&B.

    A table whose file W&B writes itself becomes an artifact besides. Online, W&B asks its server about that artifact
    in the middle of `log`, and so the trainer would wait for the network.
    """
    made = sys.modules["wandb"].Table(columns=list(columns), data=[list(row) for row in rows])
    made.bind_to_run(run, key, step)
    with suppress(OSError, TypeError, AttributeError):
        Path(made._path).chmod(0o600)  # a judge's words are for its owner
    return made


def override(owner: Any, name: str, replacement: Callable[..., Any]) -> Callable[[], None]:
    """Put `replacement` in place of the method `name` of this one object; return what takes it away again."""
    before = vars(owner).get(name, _ABSENT)

    @functools.wraps(getattr(owner, name))
    def mine(*args: Any, **kwargs: Any) -> Any:
        return replacement(*args, **kwargs)

    def undo() -> None:
        if vars(owner).get(name) is not mine:
            return  # somebody else came on top of us; taking ours away would take theirs
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    setattr(owner, name, mine)
    return undo


def at_finish(run: Any, call: Callable[[], None]) -> Callable[[], None]:
    """Have `call` made when `run` finishes, while it still takes rows; return what cancels that.

    W&B has a list for this, which is not public; without it the public `finish` is watched.
    """
    module: Any = sys.modules.get("wandb.sdk.wandb_run")
    if not (hasattr(run, "_teardown_hooks") and hasattr(module, "TeardownHook")):
        return _before_public_finish(run, call)
    hook = module.TeardownHook(call, module.TeardownStage.EARLY)
    run._teardown_hooks.append(hook)

    def cancel() -> None:
        # A new list: W&B may be walking over the old one, calling us.
        run._teardown_hooks = [other for other in run._teardown_hooks if other is not hook]

    return cancel


def _before_public_finish(run: Any, call: Callable[[], None]) -> Callable[[], None]:
    """Override `run.finish` so that `call` comes first; return what undoes it."""
    finish = run.finish

    def finish_after_call(*args: Any, **kwargs: Any) -> Any:
        call()
        return finish(*args, **kwargs)

    return override(run, "finish", finish_after_call)
