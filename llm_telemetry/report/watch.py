"""`llm-telemetry watch`: a running training, followed in the terminal by what it appends to its JSONL.

Only what was appended is read, only the latest steps are kept in view, and only when there is something new is anything
drawn, so following a training of 100,000 steps costs no more than following a short one. Rich, not textual: there is
nothing to click, and rich is what the report needs, too. One text and no table of rich's, which takes ten times as
long to draw.
"""

from __future__ import annotations

import math
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from llm_telemetry.collectors import keys
from llm_telemetry.events import ROLES
from llm_telemetry.report.judge import RATES, count_share, rates_beyond
from llm_telemetry.report.sections import format_percent, format_seconds
from llm_telemetry.report.spending import find_cost_at_end, seconds_a_step
from llm_telemetry.report.terminal import WIDTH, spark
from llm_telemetry.runs.find import add_file, files_of, newest_file
from llm_telemetry.runs.findings import format_count, show_path
from llm_telemetry.runs.history import mean, scored
from llm_telemetry.runs.reading import Reading
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.runs.history import Run

RECENT = 40
"""Steps of which accuracies and the judge are shown."""
SPARKS = 24
"""Columns of a line of bars."""
EVERY = 1.0
"""Seconds between two looks at the file."""
QUIET = 30.0
"""Seconds without a payload after which that is told, and anew each time they have passed."""
SEARCH = 5.0
"""Seconds between two searches for a newer file, which a resumed run or a new one begins."""
SHARE = 0.002
"""Of a core's time that searching may take at most: in a folder with very many files it is done less often."""


class Follower:
    """Reads on in the files of a run; where none is named, the newest below the working directory.

    Args:
        named: A JSONL, or a folder with runs; it need not be there yet.
    """

    def __init__(self, named: str | None) -> None:
        self._named = Path(named or ".").expanduser()
        self.place = show_path(self._named)
        self._reading: Reading | None = None
        self._ends: dict[Path, tuple[int, int]] = {}
        """How far each file was read: which file it was (its inode), and the position."""
        self._next_search = -math.inf
        self._heard = -math.inf
        self.run: Run | None = None
        """The latest steps."""

    def look(self) -> bool:
        """Read what is new; tells whether there was anything."""
        if time.monotonic() >= self._next_search:
            began = time.process_time()
            self._search()
            self._next_search = time.monotonic() + max(SEARCH, (time.process_time() - began) / SHARE)
        new = [self._read_on(file) for file in list(self._ends)]
        if any(new) and self._reading is not None:
            self.run, self._heard = self._reading.run(RECENT), time.monotonic()
        return any(new)

    def _search(self) -> None:
        """Turn to a file that another process of the run has begun; to another run only when this one is quiet."""
        newest = self._named if self._named.is_file() else newest_file(self._named)
        if newest is None or newest in self._ends:
            return
        if time.monotonic() - self._heard > QUIET or not self._ends.keys().isdisjoint(files_of(newest)):
            self._begin(newest)

    def _begin(self, file: Path) -> None:
        files = files_of(file)
        self._reading = Reading(show_path(file), tuple(files))
        self._ends = {file: (file.stat().st_ino, 0) for file in files}

    def _read_on(self, file: Path) -> bool:
        """Read a file on; one that was replaced or cut, from its beginning."""
        try:
            state = file.stat()
        except FileNotFoundError:
            return False
        inode, position = self._ends.get(file, (state.st_ino, 0))
        if state.st_ino != inode or state.st_size < position:
            self._begin(file)
            inode, position = state.st_ino, 0
        if state.st_size == position or self._reading is None:
            return False
        end = add_file(self._reading, file, position)
        self._ends[file] = (inode, end)
        return end > position


def watch(named: str | None, *, steps: int | None = None, once: bool = False) -> int:
    """Follow a run until Ctrl-C; returns 0.

    Args:
        named: See `Follower`.
        steps: How many the training will have; nothing for what the trainer says, which its lines tell.
        once: Draw what there is, and stop.
    """
    follower = Follower(named)
    console = Console(width=None if Console().is_terminal else WIDTH)
    follower.look()
    if once:
        console.print(_view(follower, steps))
        return 0
    with Live(_view(follower, steps), console=console, auto_refresh=False) as live:
        try:
            for _ in _changes(follower):
                live.update(_view(follower, steps), refresh=True)
        except KeyboardInterrupt:
            return 0
    return 0


def _changes(follower: Follower) -> Iterator[None]:
    """Yield when there is something new, and from time to time when there is not."""
    drawn = time.monotonic()
    while True:
        time.sleep(EVERY)
        if follower.look() or time.monotonic() - drawn > QUIET:
            yield
            drawn = time.monotonic()


def _view(follower: Follower, steps: int | None) -> Text:
    if follower.run is not None:
        return draw(follower.run, steps, time.time())
    return Text(f"no payload yet in {follower.place}; the first one comes when the first step ends. Ctrl-C ends this.")


def draw(run: Run, steps: int | None, now: float) -> Text:
    """Return what is shown of a run: progress, datasets, judge, spending, what is not well, the last failures."""
    lines = [
        (_progress(run, steps or run.steps, now), "bold"),
        *_datasets(run),
        *((line, "") for line in _facts(run)),
        *((line, "bold yellow") for line in _alarms(run)),
        *_last(run),
    ]
    return Text("\n", no_wrap=True, overflow="ellipsis").join(Text(line, style=style) for line, style in lines)


def _progress(run: Run, steps: int | None, now: float) -> str:
    told = [run.label, f"step {run.step:,}" + (f" of {steps:,} ({run.step / steps:.0%})" if steps else "")]
    seconds = seconds_a_step(run.train)
    if seconds:
        told.append(f"{format_seconds(seconds)} a step")
    if seconds and steps and steps > run.step:
        told.append(f"{format_seconds((steps - run.step) * seconds)} to go")
    if now - run.time > QUIET:
        told.append(f"no payload for {format_seconds(now - run.time)}")
    return " · ".join(told)


def _datasets(run: Run) -> Iterator[tuple[str, str]]:
    """Yield a line a dataset, with its style, below a line of heads."""
    rows = [("dataset", f"latest {RECENT} steps", ["mean", "latest", "validation"])]
    for source in [*run.train.sources(keys.ACCURACY), ""]:
        points, val = scored(run.train, source), scored(run.val, source)[-1:]
        if points:
            figures = [format_percent(mean(part)) for part in (points, points[-1:], val)]
            rows.append((source or "all", spark(points, SPARKS), figures))
    wide = max(len(name) for name, *_ in rows)
    for name, bars, figures in rows if len(rows) > 1 else ():
        line = f"{name:<{wide}}  {bars:<{SPARKS}}  {'  '.join(f'{figure:>10}' for figure in figures)}"
        yield line, "bold" if name in {"dataset", "all"} else ""


def _facts(run: Run) -> Iterator[str]:
    train, latest = run.train, run.latest
    if train.total(keys.EVALUATIONS):
        shares = zip(("success", "not readable", "no answer"), RATES, strict=True)
        told = " · ".join(f"{name} {format_percent(100 * count_share(train, rate))}" for name, rate in shares)
        yield f"judge  {train.total(keys.EVALUATIONS):,.0f} evaluations · {told}"
    spent = {"in all": keys.TOTAL_COST, "the latest step": keys.STEP_COST, "a rollout": keys.AVG_COST_PER_SAMPLE}
    usd = [f"{format_usd(latest[key.name])} {name}" for name, key in spent.items() if key.name in latest]
    at_end = find_cost_at_end(run)
    usd += [] if at_end is None else [f"{format_usd(at_end)} after the last step"]
    if usd:
        yield f"spent  {' · '.join(usd)}"


def _alarms(run: Run) -> Iterator[str]:
    """Yield what is not well: the judge by the alarm's default limits, and what is counted over the whole run."""
    train, words = run.train, dict(zip(RATES, ("have a verdict", "cannot be read", "got no answer"), strict=True))
    for rate in rates_beyond(train) if train.total(keys.EVALUATIONS) else ():
        yield f"!! {format_percent(100 * count_share(train, rate))} of the evaluations {words[rate]}"
    counted = ((keys.TELEMETRY_ERRORS, "failure of telemetry's own"), (keys.ROWS_DROPPED, "row dropped by W&B"))
    for key, what in counted:
        if number := int(run.latest.get(key.name, 0)):
            noun, _, rest = what.partition(" ")
            yield f"!! {format_count(number, noun)} {rest}"


def _last(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the calls that failed in the latest step, and the last failures that were captured."""
    errors = {role: run.train.points(keys.ERROR_CALLS, role=role)[-1:] for role in ROLES}
    failed = [f"{point.value:.0f} of the {role}" for role, points in errors.items() for point in points if point.value]
    if failed:
        yield f"failed calls of the latest step: {', '.join(failed)}", ""
    for one in islice(reversed(run.evidence), 3):
        words = " ".join(str(one.get("error") or one.get("answer") or "").split())
        what = f"step {one.get('step')} {one.get('source')} {one.get('failure') or 'contradicted'}: {words}"
        yield what, "dim"
