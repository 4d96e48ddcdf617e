# ruff: noqa: INP001 - a script
"""Make the tables of keys in `docs/metrics.md` from the catalogue, `llm_telemetry/collectors/keys.py`.

A table stands between `<!-- keys: dataset -->`, which names the families of keys that it has (what stands before the
first `/`), and `<!-- /keys -->`. A test fails when they are stale. Run: `python docs/from_catalogue.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from llm_telemetry.collectors.keys import CATALOGUE

if TYPE_CHECKING:
    from llm_telemetry.collectors.naming import Key

PAGE = Path(__file__).parent / "metrics.md"
HEAD = ["| key | in validation | window | unit | over processes | meaning |", "| --- | --- | --- | --- | --- | --- |"]
_TABLE = re.compile(r"(?<=<!-- keys: )([a-z_ ]+)( -->\n)(.*?)(?=<!-- /keys -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with its tables made anew."""
    return _TABLE.sub(lambda found: found[1] + found[2] + "\n".join([*HEAD, *_rows(found[1].split())]) + "\n", page)


def _rows(families: list[str]) -> list[str]:
    return [_row(key) for key in CATALOGUE if key.name.split("/")[0] in families]


def _row(key: Key) -> str:
    names = _quoted(key.names() or key.names("eval"))
    in_validation = "the same" if key.shared else _quoted(key.names("val")) or "absent"
    cells = (names, in_validation, key.window, key.unit, key.merge, key.meaning)
    return f"| {' | '.join(cells)} |"


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
