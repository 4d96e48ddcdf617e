# ruff: noqa: INP001 - a script
"""Draw `docs/rooms.svg` from the code: the rooms, what each imports, and the way of a call through them.

The rooms and their order are those of the import contract in pyproject.toml, their sentences are the packages' own,
the arrows on the right are the imports that there are. The stops of the way are looked up, so that one which is gone
or renamed stops this script. Run: `make picture`; a test fails when the picture is stale.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import operator
import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PACKAGE = "llm_telemetry"
PICTURE = ROOT / "docs" / "rooms.svg"

WAY = (
    ("trainers.wiring:hook_all", "at the start, hooks are put on what an adapter has found"),
    ("lifecycle.spans:PhaseSpan.begin", "train_step() is called: the step opens"),
    ("lifecycle.spans:Execution.begin", "the executor starts on an item: a rollout opens"),
    ("clients.openai:observe_request", "a call of openai enters, whatever its endpoint"),
    ("clients.calls:OpenCall.finish", "its answer has ended: one Call, with tokens, latency, error"),
    ("lifecycle.spans:Reward.begin", "the reward of the rollout is computed"),
    ("lifecycle.evaluation:OpenEvaluation.begin", "the judge function is called; its calls enter at 4, too"),
    ("judging.evaluations:rule", "the judge's words, read by verdicts/, become an outcome"),
    ("session.session:Session.record", "calls, rollouts and evaluations are booked"),
    ("session.session:Session.flush", "the step returns: a payload is made"),
    ("collectors.dataset:DatasetMetricsCollector.collect", "sums become keys: by dataset, of the judge, of the cost"),
    ("sinks.jsonl:JsonlSink.write", "the payload is a line on disk, before anything else is tried"),
    ("sinks.wandb.rider:Rider.add", "the payload is in a row of the trainer's own W&B run"),
)
"""The stops, in the order in which a training comes by: where it is in the code, and what happens."""

VOCABULARY = "vocabulary"
"""The modules at the bottom, drawn as one room."""

LEFT, RIGHT, WIDTH, TOP = 96, 792, 960, 16
HEAD, STOP, GAP = 30, 25, 6
LONGEST = 88
"""Characters of a sentence that fit into a box."""
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
  .name { font-weight: 600 } .what { fill: #57606a; font-size: 12px }
  .code { font: 12px ui-monospace, Menlo, monospace }
  .number { fill: #fff; font-size: 11px; font-weight: 600; text-anchor: middle }
  rect { fill: #f6f8fa; stroke: #d0d7de } circle { fill: #0969da } .way { stroke: #0969da; stroke-width: 2 }
  .import { stroke: #8c959f; stroke-width: 1; opacity: .55 } path { fill: none } marker path { fill: #8c959f }
  marker .tip { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .what { fill: #9198a1 } rect { fill: #161b22; stroke: #30363d } circle { fill: #1f6feb }
    .way { stroke: #4493f8 } .import { stroke: #6e7681 } marker path { fill: #6e7681 } marker .tip { fill: #4493f8 }
  }
"""


class Room(NamedTuple):
    """One box of the picture."""

    name: str
    sentence: str
    stops: tuple[int, ...]
    """Numbers of the stops in it."""
    top: int
    """Pixels from the picture's top."""

    @property
    def height(self) -> int:
        """Pixels."""
        return HEAD + STOP * len(self.stops)

    def y_of(self, stop: int) -> int:
        """Return the height of a stop's centre."""
        return self.top + HEAD + STOP * self.stops.index(stop) + 7


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw(), encoding="utf-8")


def draw() -> str:
    """Return the picture as SVG."""
    rooms = furnish()
    height = max(room.top + room.height for room in rooms.values()) + TOP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        "<title>The rooms of llm_telemetry, their imports, and the way of a call through them</title>",
        f"<style>{STYLE}</style>",
        *(_marker(name, css) for name, css in (("in", ""), ("on", ' class="tip"'))),
        *(_arrow(rooms[upper], rooms[lower]) for upper, lower in sorted(imports())),
        *(part for room in rooms.values() for part in _box(room)),
        *_way(rooms),
    ]
    return "\n".join([*parts, "</svg>", ""])


def furnish() -> dict[str, Room]:
    """Return the rooms by name, from the door down, with the stops that are in them."""
    stops: dict[str, list[int]] = {}
    for number, (place, _) in enumerate(WAY, 1):
        module, _, path = place.partition(":")
        operator.attrgetter(path)(importlib.import_module(f"{PACKAGE}.{module}"))
        stops.setdefault(module.partition(".")[0], []).append(number)
    rooms: dict[str, Room] = {}
    top = TOP
    for name in dict.fromkeys(homes().values()):
        rooms[name] = Room(name, sentence_of(name), tuple(stops.get(name, ())), top)
        top += rooms[name].height + GAP
    return rooms


def layers() -> list[list[str]]:
    """Return the modules and packages below the root as the import contract has them, from the door down."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    return [[name.strip() for name in layer.split("|")] for layer in contract[0]["layers"]]


def homes() -> dict[str, str]:
    """Return the room of each module or package below the root, from the door down; the last layer's share one."""
    *upper, last = layers()
    return {name: name for layer in upper for name in layer} | dict.fromkeys(last, VOCABULARY)


def sentence_of(room: str) -> str:
    """Return what a room is for: the first line of its docstring."""
    if room == VOCABULARY:
        return f"The words that all rooms speak: {', '.join(layers()[-1])}"
    text = (importlib.import_module(f"{PACKAGE}.{room}").__doc__ or "").partition("\n")[0].rstrip(".").replace("`", "")
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rpartition(' ')[0]} …"


def imports() -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports the second, wherever in a file."""
    rooms, pairs = homes(), set()
    for file in (ROOT / PACKAGE).rglob("*.py"):
        inside = file.relative_to(ROOT / PACKAGE).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            home = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            found = [f"{home}{name}.".split(".") for name in names]
            pairs |= {(inside, parts[1]) for parts in found if parts[0] == PACKAGE}
    known = {(rooms[one], rooms[other]) for one, other in pairs if one in rooms and other in rooms}
    return {(one, other) for one, other in known if one != other}


def _marker(name: str, css: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path{css} d="M0 0 8 4 0 8z"/></marker>'
    )


def _arrow(upper: Room, lower: Room) -> str:
    start, end = upper.top + 20, lower.top + 12
    bulge = RIGHT + min(18 + (end - start) // 5, WIDTH - RIGHT - 8)
    return (
        f'<path class="import" marker-end="url(#in)" d="M{RIGHT} {start}C{bulge} {start} {bulge} {end} {RIGHT} {end}"/>'
    )


def _box(room: Room) -> list[str]:
    y = room.top + 20
    parts = [
        f'<rect x="{LEFT}" y="{room.top}" width="{RIGHT - LEFT}" height="{room.height}" rx="6"/>',
        f'<text class="name" x="{LEFT + 12}" y="{y}">{room.name}</text>',
        f'<text class="what" x="{LEFT + 112}" y="{y}">{escape(room.sentence)}</text>',
    ]
    for stop in room.stops:
        place, what = WAY[stop - 1]
        module, _, path = place.partition(":")
        code = f"{'/'.join(module.split('.')[1:])}.py {path.partition('.')[0]}"
        y = room.y_of(stop) + 4
        parts.append(f'<text class="code" x="{LEFT + 26}" y="{y}">{escape(code)}</text>')
        parts.append(f'<text class="what" x="{LEFT + 272}" y="{y}">{escape(what)}</text>')
    return parts


def _way(rooms: dict[str, Room]) -> list[str]:
    """Return the line from stop to stop, and the stops upon it."""
    heights = [room.y_of(stop) for stop, room in sorted((s, room) for room in rooms.values() for s in room.stops)]
    x = LEFT + 12
    parts = []
    for y, following in itertools.pairwise(heights):
        bulge = x - 24 - min(abs(following - y) // 4, 70)
        curve = f"M{x - 9} {y}C{bulge} {y} {bulge} {following} {x - 10} {following}"
        parts.append(f'<path class="way" marker-end="url(#on)" d="{curve}"/>')
    for number, y in enumerate(heights, 1):
        parts.append(f'<circle cx="{x}" cy="{y}" r="9"/>')
        parts.append(f'<text class="number" x="{x}" y="{y + 4}">{number}</text>')
    return parts


if __name__ == "__main__":
    main()
