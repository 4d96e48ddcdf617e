from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import numpy as np
import pytest

from llm_telemetry import demo
from llm_telemetry.demo import trainer as trainer_module
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.policy import Policy, group_advantages
from llm_telemetry.demo.reward import _VERDICT
from llm_telemetry.demo.trainer import RAISED, GRPOTrainer, OutOfMemoryError


@pytest.fixture(scope="module")
def rough(demo_run):
    return demo_run("worst, not watched")


@pytest.fixture(scope="module")
def smooth(demo_run):
    return demo_run("calm")


def test_the_accuracy_rises_while_the_policy_learns(smooth):
    accuracies = [row["train/accuracy"] for row in smooth.rows]
    assert sum(accuracies[-2:]) / 2 > sum(accuracies[:2]) / 2 + 15
    assert smooth.rows[-1]["grpo/entropy"] < smooth.rows[0]["grpo/entropy"]


def test_the_reported_accuracy_is_that_of_the_history(rough):
    for split, key in (("train", "train/accuracy"), ("val", "val_accuracy")):
        step = 3 if split == "train" else None
        rollouts = [r for r in rough.history if (r.split, r.step) == (split, step)]
        right = sum(r.reward >= 0.9 for r in rollouts)
        assert [row[key] for row in rough.rows if key in row][-1] == pytest.approx(100 * right / len(rollouts))


def test_raised_workflows_are_booked_with_minus_10_and_unsuccessful_ones_with_0(rough):
    failed = [r for r in rough.history if r.failed]
    assert {r.reward for r in failed} == {RAISED, 0.0}
    assert rough.rows[2]["train/failed"] == sum(r.step == 3 for r in failed)
    assert all(0 <= r.reward <= 1 for r in rough.history if not r.failed)


def test_only_hung_calls_are_ever_cancelled(rough):
    assert rough.books.errors()["cancelled"] > 0
    assert all(entry.finished for entry in rough.books if entry.form != "hung")


def test_the_books_know_what_the_trainers_counters_hide(rough):
    outcomes, evaluations = rough.books.outcomes(kind="judge"), rough.books.evaluations(kind="judge")
    foreign = sum(e.last.verdict is not None and not _VERDICT.search(e.last.content) for e in evaluations)
    empty = sum(e.last.form in ("empty", "refusal") for e in evaluations)
    assert rough.stats["total_evaluations"] == len(evaluations)
    assert rough.stats["llm_judge_parse_failures"] == outcomes["parse_failure"] + foreign + empty
    assert rough.stats["llm_judge_success"] == outcomes["correct"] + outcomes["incorrect"] - foreign
    assert rough.stats["llm_judge_api_failures"] > outcomes["api_failure"]
    assert rough.books.calls(kind="extractor") > 0


def test_splits_in_the_books_follow_the_items(rough):
    assert {entry.marks["split"] for entry in rough.books} == {"train", "val"}
    assert sum(r.split == "val" for r in rough.history) == rough.config.val_samples


def test_every_rollout_is_reported_once_and_the_plan_knows_how_many_come(rough, smooth):
    for run in (rough, smooth):  # in both one step came twice
        assert run.ticks == len(run.history) == run.config.rollouts + 48


def test_a_step_that_runs_out_of_memory_is_tried_once_more(smooth):
    assert [sum(r.step == step for r in smooth.history) for step in (1, 2, 3)] == [48, 96, 48]
    assert {r.attempt for r in smooth.history if r.step == 2} == {0, 1}
    assert len(smooth.rows) == 8


def test_a_lone_step_lets_the_out_of_memory_error_out(serve):
    config = DemoConfig(base_url=serve().base_url, batch_size=1, group_size=1, oom_at_step=1)
    trainer = GRPOTrainer(config)
    with pytest.raises(OutOfMemoryError, match="step 1"):
        asyncio.run(trainer.train_step(1))
    trainer.close()


def test_rollouts_are_logged_without_a_step_and_rows_with_one(serve, monkeypatch):
    calls = []

    class Wandb:
        run = object()

        @staticmethod
        def log(row, **step):
            calls.append((sorted({key.partition("/")[0] for key in row}), step))

    monkeypatch.setattr(trainer_module, "wandb", Wandb)
    settings = {"steps": 1, "batch_size": 2, "group_size": 1, "val_every": 1, "val_samples": 1}
    trainer = GRPOTrainer(DemoConfig(base_url=serve().base_url, **settings))
    asyncio.run(trainer.train())
    trainer.close()
    assert calls == [
        (["sample"], {}),
        (["sample"], {}),
        (["train"], {"step": 1}),
        (["grpo"], {"step": 1}),
        (["sample"], {}),
        (["val_accuracy", "val_avg_reward", "val_failed"], {"step": 1}),
    ]


def test_advantages_are_relative_to_the_group():
    assert group_advantages([1, 0, 5, 5], 2) == pytest.approx([1, -1, 0, 0], abs=1e-4)


def test_the_policy_moves_towards_what_was_rewarded():
    policy = Policy(learning_rate=1.0, defect_rate=0.0)
    actions = [policy.act("math", np.random.default_rng(i)) for i in range(8)]
    assert len({action.template for action in actions}) > 1
    best = actions[0].template
    policy.update(actions, [float(action.template == best) for action in actions], 8)
    assert policy.act("math", np.random.default_rng(1), greedy=True).template == best
    assert policy.probabilities("gsm8k") == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("name", ["steps", "batch_size", "group_size", "concurrency", "workflow_timeout"])
def test_settings_that_cannot_work_are_refused(name):
    with pytest.raises(ValueError, match=name):
        DemoConfig(base_url="", **{name: 0})


def test_the_trainer_imports_nothing_of_telemetry_and_its_endpoint_nothing_but_the_scripted_server():
    for path in Path(demo.__path__[0]).glob("*.py"):
        if path.stem not in ("run", "summary"):
            imports = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Import | ast.ImportFrom)]
            names = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imports}
            ours = {".".join(name.split(".")[:2]) for name in names if name.startswith("llm_telemetry")}
            assert ours <= {"llm_telemetry.demo", *(["llm_telemetry.testing"] if path.stem == "models" else [])}
