"""Files that the documents name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
PLACES = (ROOT, ROOT / "llm_telemetry", ROOT / "docs")
ROOMS = [path.parent for path in (ROOT / "llm_telemetry").rglob("__init__.py")]
NOT_OURS = {"train.py", "my_scores.py", "default_worker.py", "site.py", "conftest.py", "val/", "eval/"}
"""What the documents speak of and is no file of ours."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(page):
    named = set(re.findall(r"`(?!_)([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", page.read_text(encoding="utf-8"))) - NOT_OURS
    gone = [name for name in named if not any((place / name).exists() for place in (*PLACES, *ROOMS))]
    assert gone == []


def test_the_links_of_pages_outside_of_docs_lead_somewhere():
    for page in (ROOT / ".github").rglob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)
