"""`make demo` ends with the report of its run."""

import re

import pytest

pytest.importorskip("rich")

from tests.support.children import python


@pytest.mark.long
def test_the_demo_ends_with_the_path_of_its_page(tmp_path):
    done = python("-m", "llm_telemetry", "demo", "--steps", "2", cwd=tmp_path, WANDB_MODE="offline")
    printed = done.stdout
    (path,) = re.findall(r"^  report (\S+)$", printed, re.MULTILINE)
    page = (tmp_path / path).read_text(encoding="utf-8")
    assert "Which dataset got better, which fell?" in page
    assert "open it" not in printed  # nobody looks
    assert len(done.stderr.splitlines()) == printed.count("is meant so") == 1  # no warning that is not explained
