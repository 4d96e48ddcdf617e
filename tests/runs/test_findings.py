"""What a run's own files tell: what was watched and counted, what was lost, what numbers are missing and why."""

import json
import os
import platform
from pathlib import Path

import pytest

from llm_telemetry.doctor import Case
from llm_telemetry.runs.findings import Severity
from llm_telemetry.runs.losses import check_losses
from llm_telemetry.runs.numbers import check_numbers
from tests.support.left_runs import bad, said, train

pytestmark = pytest.mark.usefixtures("nobodys_machine")


def test_payloads_that_wandb_does_not_have_are_told_with_the_command(killed):
    (file,) = killed.glob("wandb/*run-*/*.wandb")
    file.write_bytes(file.read_bytes()[:7])
    text = said(check_losses(Case(environ={}).last_run))
    assert "!! last run 3 of 3 payloads are not in W&B run r2\n -> llm-telemetry sync wandb/offline-run-" in text


def test_a_run_that_is_still_going_on_has_lost_nothing_yet(killed):
    (file,) = killed.glob("wandb/*run-*/*.jsonl")
    alive = [platform.node(), os.getppid()]
    lines = [{**json.loads(line), "process": alive} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "-- last run W&B run r2 is still going on" in said(check_losses(Case(environ={}).last_run))


def test_a_run_without_wandb_is_found_where_it_is(tmp_path):
    train(tmp_path, "-", 1, 2, "exit")
    run = Case(environ={}).last_run
    assert "2 payloads (2 train), up to step 2" in said(check_numbers(run))
    assert "there was no W&B run" in said(check_losses(run))
    (tmp_path / "llm_telemetry").rename(tmp_path / "logs")
    assert Case(environ={}).last_run is None
    assert Case(environ={"LLM_TELEMETRY_FOLDER": "logs"}).last_run is not None
    assert Case(folder=Path("logs"), environ={}).last_run is not None


def test_a_file_of_somebody_elses_is_no_run(tmp_path):
    (tmp_path / "items.jsonl").write_text('{"problem": 1}\n[1]\nno json\n{"payload": {}}\n')
    assert Case(folder=tmp_path, environ={}).last_run is None


def test_a_judge_that_fails_is_told_with_its_likely_cause(edited):
    failures = {"judge/failures/truncated": 1, "val/judge/failures/unclosed_think": 1, "judge/failures/ambiguous": 1}
    rates = {"judge/parse_failure_rate": 0.75, "judge/calls": 4}
    (told,) = [f for f in check_losses(edited(lambda p: p.update(rates | failures))) if f.severity is Severity.WARNING]
    assert told.to_do.startswith("likely cause: max_tokens too small (16 of 24). ")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"telemetry/trainer_rows_dropped": 1}, "1 row of your trainer dropped by W&B"),
        ({"telemetry/errors": 2}, "2 failures of telemetry's own"),
        ({"llm/other/calls": 2}, "16 of 32 calls belong to no executor"),
        ({"llm/judge/no_usage": 1}, "8 of 8 judge calls did not tell their tokens"),
        ({"judge/parse_failure_rate": 0.25, "judge/calls": 4}, "25.0% of 32 judge evaluations ended in text without"),
        (
            {"val/judge/api_failure_rate": 1.0, "val/judge/calls": 1},
            "50.0% of 16 judge evaluations got no usable answer",
        ),
    ],
)
def test_each_loss_is_told(edited, values, told):
    (what,) = bad(check_losses(edited(lambda payload: payload.update(values))))
    assert what.startswith(told)


def test_a_few_calls_that_belong_to_nobody_are_no_trouble(edited):
    findings = check_losses(edited(lambda payload: payload.update({"llm/other/calls": 1, "llm/executor/calls": 99})))
    assert "8 of 808 calls belong to no executor" in said(findings)
    assert bad(findings) == []


# --- numbers that are missing


def drop(*prefixes):
    def change(payload):
        for key in [key for key in payload if key.startswith(prefixes)]:
            del payload[key]

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            drop("dataset/"),
            "dataset statistics are empty: calls were seen, but neither an executor nor a reward computer",
        ),
        (drop("dataset/", "llm/", "judge/"), "dataset statistics are empty: not one LLM call and not one rollout"),
        (drop("dataset/avg_reward", "dataset/gsm8k/avg_reward"), "rollouts are counted, but not one reward was seen"),
        (drop("judge/"), "judge statistics do not move: 8 calls of a judge, but its function was not found"),
        (
            lambda payload: payload.update({"judge/total_calls": 1}),
            "judge statistics do not move: none was asked for in",
        ),
    ],
)
def test_each_question_has_its_answer(edited, change, told):
    (what,) = bad(check_numbers(edited(change)))
    assert told in what


def test_rollouts_of_an_unknown_source_are_told(edited):
    def rename(payload):
        for key in [key for key in payload if key.startswith("dataset/gsm8k/")]:
            payload[key.replace("gsm8k", "unknown")] = payload.pop(key)

    assert "all rollouts are of the source unknown" in said(check_numbers(edited(rename)))


def test_a_training_without_a_judge_is_healthy(edited):
    findings = check_numbers(edited(drop("judge/", "llm/judge/")))
    assert "no evaluation of a judge was seen" in said(findings)
    assert bad(findings) == []
