"""Makes the table of docs/shapes.md from the shapes that are tested: `python -m tests.shapes.page`."""

from pathlib import Path

from tests.shapes.table import SHAPES

PAGE = Path(__file__).parent.parent.parent / "docs" / "shapes.md"
BEGIN, END = "<!-- shapes -->\n", "<!-- end of shapes -->\n"
HEAD = "| shape | in code that can be edited | unedited: `LLM_TELEMETRY=1` and | what is not known |\n"
RULE = "| --- | --- | --- | --- |\n"


def row(shape):
    """Return the line of one shape."""
    variables = [
        f"`LLM_TELEMETRY_{name.upper()}={value}`" for name, value in (shape.variables or shape.settings).items()
    ]
    alone = " ".join(variables) or "nothing else"
    about = f"[{shape.program}](../tests/shapes/programs/{shape.program}.py): {shape.seen}"
    cells = about, f"`{shape.line}`", alone if shape.alone else "–", shape.unknown  # noqa: RUF001
    return f"| {' | '.join(cells)} |\n"


def table():
    """Return the table."""
    return HEAD + RULE + "".join(map(row, SHAPES))


def with_table(page):
    """Return the page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
