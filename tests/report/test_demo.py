"""`make demo` ends with the report of its run."""

import re

import pytest

pytest.importorskip("rich")

from tests.support.children import python


def test_the_demo_ends_with_the_path_of_its_page(tmp_path):
    printed = python("-m", "llm_telemetry", "demo", "--steps", "1", cwd=tmp_path, WANDB_MODE="offline").stdout
    (path,) = re.findall(r"^  report (\S+)$", printed, re.MULTILINE)
    page = (tmp_path / path).read_text(encoding="utf-8")
    assert "Which dataset got better, which fell?" in page
    assert "open it" not in printed  # nobody looks
