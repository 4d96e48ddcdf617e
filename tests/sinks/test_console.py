"""The summary in the terminal: what it says, that it fits, and that it does not begin in somebody's line."""

import io
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.console import WIDTH, ConsoleSink, summary_lines

FULL = {
    "dataset/gsm8k/accuracy": 50.0,
    "dataset/gsm8k/count": 4,
    "dataset/accuracy": 50.0,
    "dataset/count": 4,
    "judge/calls": 4,
    "judge/success_rate": 0.75,
    "judge/parse_failure_rate": 0.25,
    "judge/api_failure_rate": 0.0,
    "judge/correct_ratio": 0.5,
    "cost/step_cost": 0.0031,
    "cost/total_cost": 12.5,
    "cost/avg_cost_per_sample": 0.01,
}


def payload(step=10, split="train", **more):
    return Payload(step, split, {STEP_KEY: step, **FULL, **more}, {}, 0.0)


def printed(capsys):
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("llm_telemetry · ")]


def test_a_summary_comes_when_it_is_due_and_the_last_one_at_the_end(capsys):
    sink = ConsoleSink(10)
    for step in range(1, 13):
        sink.write(payload(step))
    assert printed(capsys) == ["llm_telemetry · train · step 10"]
    sink.close()
    sink.close()
    assert printed(capsys) == ["llm_telemetry · train · step 12"]


def test_what_was_printed_is_not_printed_again_at_the_end(capsys):
    sink = ConsoleSink(10)
    sink.write(payload(10))
    sink.write(payload(10, "val"))
    sink.close()
    assert len(printed(capsys)) == 2


def test_usd_that_lack_calls_without_usage_are_marked_with_their_share():
    lacking = {"llm/executor/calls": 50, "llm/executor/no_usage": 19, "cost/unmetered_calls": 19}
    text = "\n".join(summary_lines(payload(**lacking)))
    assert "this step ≥ $0.003100 · in all ≥ $12.50 · a rollout ≥ $0.0100" in text
    assert "38 % of calls without usage" in text
    assert "≥" not in "\n".join(summary_lines(payload()))


def test_usd_of_a_step_that_lacks_nothing_are_not_marked_for_what_earlier_steps_lack():
    text = "\n".join(summary_lines(payload(**{"llm/executor/calls": 50, "cost/unmetered_calls": 19})))
    assert "this step $0.003100 · in all ≥ $12.50" in text


@given(
    st.dictionaries(st.from_regex(r"[a-z0-9_]{1,120}", fullmatch=True), st.integers(0, 10**9), max_size=5),
    st.floats(0, 1e9),
    st.integers(0, 10**9),
)
@example({"all": 10**9, "a" * 46: 0}, 0.0, 0)
def test_every_line_fits_a_terminal_of_80_columns(sources, usd, calls):
    datasets = {f"dataset/{source}/count": count for source, count in sources.items()}
    datasets |= {f"dataset/{source}/accuracy": 100.0 for source in sources}
    money = dict.fromkeys(("cost/step_cost", "cost/total_cost", "cost/avg_cost_per_sample"), usd)
    counts = {"cost/unpriced_calls": calls, "cost/unmetered_calls": calls, "judge/calls": calls}
    lacking = {"llm/executor/calls": calls, "llm/executor/no_usage": calls}
    lines = summary_lines(payload(**datasets, **money, **counts, **lacking))
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("bars", [0, 1])
def test_a_summary_begins_in_a_line_of_its_own_also_where_bars_are_drawn(monkeypatch, bars):
    tqdm = pytest.importorskip("tqdm").tqdm
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    drawn = [tqdm(total=10, file=terminal, desc="training", ascii=True) for _ in range(bars)]
    ConsoleSink(10).write(payload())
    for bar in drawn:
        bar.close()
    text = terminal.getvalue()
    before = text[: text.index("llm_telemetry · ")]
    assert before.rpartition("\r")[2].strip() == before.rpartition("\n")[2].rpartition("\r")[2] == ""
    assert "dataset" in text
