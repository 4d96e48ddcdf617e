"""verl by its own command line, on Ray: every number of its rows held against the books of the judge's server."""

import tempfile

import pytest

pytest.importorskip("verl")

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from llm_telemetry.testing import LLMServer
from tests.support.children import ROOT, payloads_in, python
from tests.support.wandb_offline import Written
from tests.trainers.verl.toy import TABLES, overrides, rows_in, table_in, tokenizer_in

TRAINED, VALIDATED, PADDED = 6, 3, 1


def reply(request):
    """Yes, if both words are the same."""
    said = request.user.split()
    return "yes" if said[2] == said[6].rstrip(",") else "no"


@pytest.fixture(scope="module")
def server():
    with LLMServer(reply) as server:
        yield server


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tokenizer_in(tmp_path_factory.mktemp("tokenizer"))


SIZES = [
    *("algorithm.adv_estimator=grpo", "data.train_batch_size=6", "trainer.n_gpus_per_node=1"),
    *("actor_rollout_ref.actor.ppo_mini_batch_size=6", "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=1"),
    *(f"actor_rollout_ref.{part}.log_prob_micro_batch_size_per_gpu=1" for part in ("rollout", "ref")),
    "actor_rollout_ref.rollout.name=vllm",
]
"""Of what does not happen; verl wants to know them."""
TOY = [
    *("trainer.v1.trainer_mode=toy", "ray_kwargs.ray_init.num_cpus=24"),
    "+actor_rollout_ref.rollout.agent.agent_loop_manager_class=tests.trainers.verl.trainer.Agents",
]


def run(server, folder, tokenizer, function, *more, check=True, module="trainer"):
    """Run verl's own command line; returns verl's rows, our payloads and what was said.

    `module`, of this folder, has the trainer.
    """
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short:  # sockets have short names
        environ = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "none",
            "RAY_AUTH_MODE": "disabled",
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": short,
            "TMPDIR": short,
            "WANDB_MODE": "offline",
            "LLM_TELEMETRY": "1",
            "LLM_TELEMETRY_CONSOLE": "0",
            "LLM_TELEMETRY_FOLDER": str(folder / "ours"),
            "VERL_FILE_LOGGER_PATH": str(folder / "verl.jsonl"),
            "TENSORBOARD_DIR": str(folder / "board"),
            "WANDB_DIR": str(folder),
            "CUDA_VISIBLE_DEVICES": "",
            "VERL_USE_EXTERNAL_MODULES": f"tests.trainers.verl.{module}",
        }
        words = [*overrides(tokenizer, function), *SIZES, *(TOY if module == "trainer" else ()), *more]
        done = python("-m", "verl.trainer.main_ppo", *words, cwd=folder, check=check, **environ)
    return rows_in(folder / "verl.jsonl"), payloads_in(folder / "ours"), done.stdout + done.stderr


def scalars_in(folder, key):
    """What TensorBoard has of a key, by step."""
    events = [event for path in folder.rglob("events.*") for event in EventFileLoader(str(path)).Load()]
    values = [(event.step, value) for event in events for value in event.summary.value if value.tag == key]
    return {step: value.tensor.float_val[0] for step, value in values}


def check(rows, asked, validated):
    """Hold verl's rows against what its workers have rewarded, and against the books of the judge.

    `validated` is verl's own key of a validation, and its value.
    """
    assert [step for step, _ in rows] == [0, 1, 2]
    assert asked == 3 * (VALIDATED + PADDED) + 2 * TRAINED == rows[-1][1]["cost/judge_calls"]
    for step, row in rows:
        assert row[validated[0]] == pytest.approx(validated[1])
        assert row["llm_telemetry/step"] == step
        assert row["telemetry/errors"] == 0
        assert row["val/held/count"] == row["val/judge/held/calls"] == row["val/llm/judge/calls"] == VALIDATED + PADDED
        assert (row["val/padded"], row.get("dataset/padded")) == (PADDED, None)
        assert row["val/judge/held/calls"] == row["val/judge/correct_count"] + row["val/judge/incorrect_count"]
        assert [name for name in row if "/other/" in name or "/unknown/" in name] == []
    for _, row in rows[1:]:
        told = ("dataset/count", "judge/calls", "llm/judge/calls", "judge/correct_count", "group/count", "group/mixed")
        assert [row[name] for name in told] == [TRAINED, TRAINED, TRAINED, 4, 3, 0]
        assert (row["dataset/sums/accuracy"], row["dataset/capitals/accuracy"]) == (50, 100)
        assert (row["judge/sums/calls"], row["judge/capitals/calls"]) == (4, 2)
        assert row["critic/score/mean"] == pytest.approx(4 / 6)


def test_a_run_is_counted_exactly_and_each_backend_has_it_at_verls_step(server, tokenizer, tmp_path):
    before = len(server.books)
    backends = "trainer.logger=[console,file,tensorboard,wandb]"
    rows, payloads, said = run(server, tmp_path, tokenizer, "compute_score", "trainer.test_freq=1", backends)
    check(rows, len(server.books) - before, ("val-core/held/acc", 1.0))
    assert [payload["llm_telemetry/step"] for payload in payloads] == [0, 1, 1, 2, 2]
    assert said.count("verl pads a batch to a multiple of its workers, here by 1 rows") == 1
    key, expected = "dataset/sums/accuracy", {1: 50.0, 2: 50.0}
    assert scalars_in(tmp_path / "board", key) == expected
    written = Written(next((tmp_path / "wandb").glob("offline-run-*"))).rows
    if written:  # Ray may end W&B's process before it has written, with us and without: docs/ray.md
        assert {row["_step"]: row[key] for row in written if key in row} == expected
    assert f"{key}:50" in said


LEGACY = [
    *("trainer.use_v1=False", "ray_kwargs.ray_init.num_cpus=8", "trainer.total_epochs=2", "trainer.test_freq=1"),
    *("trainer.logger=[file]", "trainer.balance_batch=False", "trainer.save_freq=-1", "data.shuffle=False"),
    *("data.train_batch_size=3", "actor_rollout_ref.actor.ppo_mini_batch_size=3", "data.filter_overlong_prompts=False"),
    *("actor_rollout_ref.rollout.n=2", "actor_rollout_ref.rollout.agent.num_workers=2"),
    *("actor_rollout_ref.rollout.agent.default_agent_loop=toy", "actor_rollout_ref.rollout.response_length=2"),
    "actor_rollout_ref.rollout.prompt_length=2",
]


def test_a_run_of_the_trainer_before_v1_is_counted_exactly(server, tokenizer, tmp_path):
    before = len(server.books)
    files = [f"data.{split}_files={table_in(tmp_path, split, rows)}" for split, rows in TABLES.items()]
    rows, payloads, said = run(server, tmp_path, tokenizer, "compute_score", *LEGACY, *files, module="legacy")
    check(rows, len(server.books) - before, ("val-core/held/acc/mean@1", 2 / 3))
    assert [payload["llm_telemetry/step"] for payload in payloads] == [0, 1, 1, 2, 2]
    assert said.count("verl pads a batch to a multiple of its workers, here by 1 rows") == 1


def test_a_step_that_a_failed_judge_has_ended_by_a_key_error_is_told_as_what_it_is(tokenizer, tmp_path):
    with LLMServer(lambda request: "" if "w8" in request.user else "yes") as server:
        rows, _, said = run(server, tmp_path, tokenizer, "compute_score_fragile", "trainer.logger=[file]", check=False)
    assert rows == []
    assert "KeyError: 'reason'" in said
    assert said.count("verl fails with KeyError: 'reason'. It takes the keys that compute_score has returned") == 1
