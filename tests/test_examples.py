"""Every example runs as a user would run it: as a program, in a folder of its own."""

import csv
import difflib
import json
from pathlib import Path

import pytest

from llm_telemetry.testing import LLMServer
from tests.support.children import python

EXAMPLES = Path(__file__).parent.parent / "examples"
STEPS = 2


@pytest.fixture(scope="module")
def server():
    """Where `no_trainer` asks; the others bring a server of their own."""
    with LLMServer("Yes, 4.") as server:
        yield server


@pytest.fixture(scope="module")
def run(tmp_path_factory, server):
    """Run an example once; returns its folder and what it printed."""
    done = {}
    endpoint = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none"}

    def run_once(name):
        if name not in done:
            folder = tmp_path_factory.mktemp(name)
            program = python(
                *(EXAMPLES / f"{name}.py", "--steps", STEPS),
                cwd=folder,
                **{**endpoint, "WANDB_MODE": "offline", "WANDB_SILENT": "true"},
            )
            done[name] = folder, program.stdout.splitlines()
        return done[name]

    return run_once


def payloads_in(folder):
    (path,) = folder.rglob("*.jsonl")
    return [json.loads(line)["payload"] for line in path.read_text().splitlines()]


def test_all_examples_are_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {
        "train_plain",
        "train_watched",
        "train_extended",
        "no_trainer",
        "trl_grpo_judge",
    }


@pytest.mark.long
def test_the_plain_trainer_trains_and_leaves_nothing_of_ours(run):
    folder, printed = run("train_plain")
    assert [line.split(":")[0] for line in printed] == [f"step {step}" for step in range(1, STEPS + 1)]
    assert list(folder.rglob("*.jsonl")) == []


@pytest.mark.long
def test_the_watched_trainer_trains_as_if_it_were_not(run):
    _, plain = run("train_plain")
    _, watched = run("train_watched")
    assert watched[:STEPS] == plain


def test_the_watched_trainer_has_a_payload_for_every_step(run):
    folder, printed = run("train_watched")
    payloads = payloads_in(folder)
    assert [payload["llm_telemetry/step"] for payload in payloads] == list(range(1, STEPS + 1))
    told = [f"step {p['llm_telemetry/step']}: accuracy {p['dataset/accuracy']:.1f} %" for p in payloads]
    assert printed[:STEPS] == told
    assert Path(printed[-1].removeprefix("payloads: ")).exists()


def test_the_watched_trainer_is_the_plain_one_with_one_line_more():
    plain, watched = (
        (EXAMPLES / f"{name}.py").read_text().split('"""', 2)[2].splitlines()
        for name in ("train_plain", "train_watched")
    )
    changed = [line for line in difflib.ndiff(plain, watched) if line[0] in "+-"]
    assert [" ".join(line.split()) for line in changed] == [
        "+ from llm_telemetry import instrument",
        "+ telemetry = instrument(trainer)",
        '+ print(f"payloads: {telemetry.path}")',
    ]


@pytest.mark.long
def test_the_extended_trainer_has_keys_and_a_table_of_its_own(run):
    folder, _ = run("train_extended")
    payloads = payloads_in(folder)
    with (folder / "telemetry.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, STEPS + 1)]
    for row, payload in zip(rows, payloads, strict=True):
        assert float(row["cost/step_cost"]) == payload["cost/step_cost"]
        assert float(row["long_completions/math"]) == payload["long_completions/math"]
    shares = [value for p in payloads for key, value in p.items() if key.startswith("long_completions/")]
    assert all(0 <= share <= 1 for share in shares)
    assert any(shares)


def test_functions_and_a_loop_are_watched_in_five_lines(run, server):
    source = (EXAMPLES / "no_trainer.py").read_text()
    assert [line.rsplit("# ", 1)[-1] for line in source.splitlines() if "  # " in line] == list("12345")
    folder, printed = run("no_trainer")
    payloads = payloads_in(folder)
    assert [payload["llm_telemetry/step"] for payload in payloads] == list(range(1, STEPS + 1))
    assert printed == [f"step {payload['llm_telemetry/step']}: 4 of 4 are right" for payload in payloads]
    for payload in payloads:
        assert (payload["dataset/sums/count"], payload["dataset/capitals/count"], payload["judge/calls"]) == (2, 2, 4)
        assert (payload["dataset/accuracy"], payload["judge/correct_ratio"]) == (100, 1)
        assert (payload["llm/executor/calls"], payload["llm/judge/calls"]) == (4, 4)
    assert server.books.calls() == 8 * STEPS
    assert payloads[-1]["tokens/total"] == sum(server.books.tokens()[:2])


# --- examples/analysis, on the run of `train_watched`


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("accuracy_fell", "gsm8k: "),
        ("compare_datasets", "gsm8k "),
        ("cost_efficiency", "best step: "),
        ("judge_health", "judge/parse_failure_rate: "),
    ],
)
def test_an_analysis_of_a_demo_s_run_is_under_40_lines_and_runs(run, tmp_path, script, told):
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    path = EXAMPLES / "analysis" / f"{script}.py"
    assert len(path.read_text().splitlines()) < 40
    folder, _ = run("train_watched")
    done = python(path, folder, cwd=tmp_path, check=False, MPLCONFIGDIR=str(tmp_path / "mpl"))
    assert done.stderr == ""
    assert any(line.startswith(told) for line in done.stdout.splitlines())
    if script == "compare_datasets":
        assert (tmp_path / "datasets.png").read_bytes().startswith(b"\x89PNG")


def test_all_analyses_are_run_here():
    names = {path.stem for path in (EXAMPLES / "analysis").glob("*.py")}
    assert names == {"accuracy_fell", "compare_datasets", "cost_efficiency", "judge_health"}
