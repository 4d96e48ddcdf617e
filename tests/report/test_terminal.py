"""The report in the terminal: 80 columns, no colour where nobody looks, every answer."""

import re

import pytest

pytest.importorskip("rich")

from llm_telemetry.cli import main
from tests.support.made_runs import fallen_run, payload, write_run

pytestmark = pytest.mark.usefixtures("nobodys_machine")
QUESTIONS = (
    "Which dataset got better, which fell?",
    "Is the judge healthy?",
    "What does it cost?",
    "Where does the time go?",
    "What was not seen, and what is wrong?",
)


@pytest.fixture
def report(capsys):
    def run(*arguments):
        assert main(["report", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    return run


def test_every_question_is_answered_in_80_columns_without_colour(tmp_path, report):
    fallen_run(tmp_path / "a-run-with-a-long-name-in-a-folder-with-a-long-name-that-does-not-fit.jsonl")
    printed = report()
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert "\x1b" not in printed
    assert [question for question in QUESTIONS if question not in printed] == []
    assert re.search(r"^  math +[▁▂▃▄▅▆▇█]{30} +\d+ to \d+ +%", printed, re.MULTILINE)


def test_several_runs_are_compared_first(tmp_path, report):
    first = fallen_run(tmp_path / "first.jsonl")
    second = write_run(tmp_path / "second.jsonl", [payload(s, {"math": 90}) for s in range(1, 9)])
    printed = report(first, second)
    assert printed.startswith("Which run is ahead?\n  second ends highest: 90.0 %")
    assert printed.count("Is the judge healthy?") == 2


def test_markup_in_a_name_is_shown_as_it_is(tmp_path, report):
    write_run(tmp_path / "a.jsonl", [payload(1, {"[bold]x": 50})])
    assert "[bold]x" in report()


@pytest.mark.parametrize("count", [0, 50])
def test_no_dataset_and_50_datasets_are_a_report(tmp_path, report, count):
    write_run(
        tmp_path / "a.jsonl", [payload(s, {f"dataset_number_{i}": 2.0 * i for i in range(count)}) for s in (1, 2)]
    )
    printed = report()
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert all(f"dataset_number_{i} " in printed for i in range(count))
