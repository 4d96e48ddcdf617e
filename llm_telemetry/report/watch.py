"""`llm-telemetry watch`: a running training, followed in the terminal by what it appends to its JSONL.

Only what was appended is read, and only when there is something new is anything drawn, so following a training of
100,000 steps costs no more than following a short one. Rich, not textual: there is nothing to click, and rich is what
the report needs, too.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from llm_telemetry.collectors import keys
from llm_telemetry.events import ROLES
from llm_telemetry.report.judge import RATES, count_share
from llm_telemetry.report.sections import format_percent, format_seconds
from llm_telemetry.report.spending import seconds_a_step
from llm_telemetry.report.terminal import WIDTH, spark
from llm_telemetry.runs.find import add_file, files_of, newest_file
from llm_telemetry.runs.findings import format_count, show_path
from llm_telemetry.runs.history import Reading, mean, scored, tail
from llm_telemetry.settings.limits import API_FAILURES, PARSE_FAILURES, SUCCESS
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from llm_telemetry.runs.history import Run

RECENT = 40
"""Steps of which accuracies and the judge are shown."""
EVERY = 1.0
"""Seconds between two looks at the file."""
QUIET = 30.0
"""Seconds without a payload after which that is told, and anew each time they have passed."""
SEARCH = 5
"""Looks between two searches for a newer file, which a resumed run or a new one begins."""


class Follower:
    """Reads on in the files of a run; where none is named, the newest below the working directory.

    Args:
        named: A JSONL, or a folder with runs; it need not be there yet.
    """

    def __init__(self, named: str | None) -> None:
        self._named = Path(named or ".").expanduser()
        self._reading: Reading | None = None
        self._ends: dict[Path, tuple[int, int]] = {}
        """How far each file was read: which file it was (its inode), and the position."""
        self._looks = 0
        self._heard = -math.inf
        self.run: Run | None = None

    def look(self) -> bool:
        """Read what is new; tells whether there was anything."""
        if self._looks % SEARCH == 0 or not self._ends:
            self._search()
        self._looks += 1
        new = [self._read_on(file) for file in list(self._ends)]
        if any(new) and self._reading is not None:
            self.run, self._heard = self._reading.run(), time.monotonic()
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
        steps: How many the training will have, for a line of progress.
        once: Draw what there is, and stop.
    """
    follower = Follower(named)
    console = Console(width=None if Console().is_terminal else WIDTH)
    follower.look()
    if once:
        console.print(draw(follower.run, steps, time.time()))
        return 0
    with Live(draw(follower.run, steps, time.time()), console=console, auto_refresh=False) as live:
        try:
            for _ in _changes(follower):
                live.update(draw(follower.run, steps, time.time()), refresh=True)
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


def draw(run: Run | None, steps: int | None, now: float) -> RenderableType:
    """Return what is shown of a run: progress, datasets, judge, spending, what is not well, the last failures."""
    if run is None:
        return Text("llm_telemetry: no payload yet; the first one comes when the first step ends. Ctrl-C ends this.")
    recent = _tail(run)
    lines = [Text(line, style="bold yellow") for line in _alarms(recent)]
    return Group(
        Text(_progress(run, steps, now), style="bold"), _datasets(recent), *_facts(recent), *lines, *_last(recent)
    )


def _tail(run: Run) -> Run:
    """Return the run with its latest steps alone, which is all that is shown."""
    return replace(run, tables={split: tail(table, RECENT) for split, table in run.tables.items()})


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


def _datasets(recent: Run) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for i, head in enumerate(("dataset", f"latest {RECENT} steps", "mean", "latest", "validation")):
        table.add_column(head, justify="left" if i < 2 else "right", no_wrap=True, max_width=RECENT)  # noqa: PLR2004 - name and bars
    for source in [*recent.train.sources(keys.ACCURACY), ""]:
        points, val = scored(recent.train, source), scored(recent.val, source)
        if points:
            values = [
                format_percent(value) for value in (mean(points), points[-1].value, val[-1].value if val else None)
            ]
            table.add_row(Text(source or "all"), spark(points, 24), *values, style="" if source else "bold")
    return table


def _facts(recent: Run) -> Iterator[Text]:
    train, latest = recent.train, recent.latest
    if train.total(keys.EVALUATIONS):
        shares = zip(("success", "not readable", "no answer"), RATES, strict=True)
        told = " · ".join(f"{name} {format_percent(100 * count_share(train, rate))}" for name, rate in shares)
        yield Text(f"judge  {train.total(keys.EVALUATIONS):,.0f} evaluations · {told}")
    spent = {"in all": keys.TOTAL_COST, "the latest step": keys.STEP_COST, "a rollout": keys.AVG_COST_PER_SAMPLE}
    told = " · ".join(f"{format_usd(latest[key.name])} {name}" for name, key in spent.items() if key.name in latest)
    if told:
        yield Text(f"spent  {told}")


def _alarms(recent: Run) -> Iterator[str]:
    """Yield what is not well: the judge by the alarm's default limits, and what is counted over the whole run."""
    train, (success, parse, api) = recent.train, RATES
    if train.total(keys.EVALUATIONS):
        limits = (
            (count_share(train, success) < SUCCESS, success, "of the evaluations have a verdict"),
            (count_share(train, parse) > PARSE_FAILURES, parse, "of the evaluations cannot be read"),
            (count_share(train, api) > API_FAILURES, api, "of the evaluations got no answer"),
        )
        yield from (f"!! {format_percent(100 * count_share(train, rate))} {what}" for bad, rate, what in limits if bad)
    counted = ((keys.TELEMETRY_ERRORS, "failure of telemetry's own"), (keys.ROWS_DROPPED, "row dropped by W&B"))
    for key, what in counted:
        if number := int(recent.latest.get(key.name, 0)):
            noun, _, rest = what.partition(" ")
            yield f"!! {format_count(number, noun)} {rest}"


def _last(recent: Run) -> Iterator[Text]:
    """Yield the calls that failed in the latest step, and the last failures that were captured."""
    errors = {role: recent.train.points(keys.ERROR_CALLS, role=role)[-1:] for role in ROLES}
    failed = [f"{point.value:.0f} of the {role}" for role, points in errors.items() for point in points if point.value]
    if failed:
        yield Text(f"failed calls of the latest step: {', '.join(failed)}")
    for one in islice(reversed(recent.evidence), 3):
        words = " ".join(str(one.get("error") or one.get("answer") or "").split())
        what = f"step {one.get('step')} {one.get('source')} {one.get('failure') or 'contradicted'}: {words}"
        yield Text(what, no_wrap=True, overflow="ellipsis", style="dim")
