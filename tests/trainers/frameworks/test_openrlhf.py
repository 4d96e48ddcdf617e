"""OpenRLHF's own trainer, samples and agents on Ray: what is told against what the judge's server has served."""

import tempfile

import pytest

pytest.importorskip("openrlhf")

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from llm_telemetry.testing import LLMServer
from tests.support.children import ROOT, payloads_in, python
from tests.support.frameworks import write_framework
from tests.support.signatures import read_in

STANDS_IN = """
    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *_, **more: vars(self).update(more)})
"""
EMPTY = (
    *("vllm.__init__", "vllm.inputs", "vllm.utils", "deepspeed.__init__", "deepspeed.ops.adam"),
    *("deepspeed.runtime.zero.partition_parameters", "deepspeed.runtime.zero.offload_config"),
    *("flash_attn.bert_padding", "flash_attn.utils.distributed"),
)
"""Modules that OpenRLHF imports and that need CUDA: whatever is asked of them is a class without content."""
SILENT = "c1 3"


def reply(request):
    """Yes to an even digit, and nothing that can be read to one."""
    return "" if request.user == SILENT else "yes" if int(request.user[-1]) % 2 == 0 else "no"


class Run:
    """A run of the program, and what came of it."""

    def __init__(self, folder):
        stand_ins = write_framework(folder / "stand_ins", dict.fromkeys(EMPTY, STANDS_IN))
        with LLMServer(reply) as server, tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as short:
            environ = {
                **dict.fromkeys(("RAY_TMPDIR", "TMPDIR"), short),  # sockets have short names
                "CUDA_VISIBLE_DEVICES": "",
                "LLM_TELEMETRY": "1",
                "LLM_TELEMETRY_CONSOLE": "0",
                "LLM_TELEMETRY_FOLDER": str(folder / "ours"),
                "OPENAI_API_KEY": "none",
                "OPENAI_BASE_URL": server.base_url,
                "PYTHONPATH": f"{stand_ins}:{ROOT}",
                "RAY_AUTH_MODE": "disabled",
            }
            self.environ = environ
            program = "tests.trainers.frameworks.programs.play_openrlhf"
            done = python("-W", "ignore", "-m", program, str(folder / "board"), cwd=folder, **environ)
            self.asked = len(server.books)
        self.said = done.stdout + done.stderr
        self.payloads = payloads_in(folder / "ours")
        events = [event for path in folder.rglob("events.*") for event in EventFileLoader(str(path)).Load()]
        self.rows = {}
        for event in events:
            for value in event.summary.value:
                self.rows.setdefault(event.step, {})[value.tag] = value.tensor.float_val[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("openrlhf"))


def test_each_step_has_its_rollouts_by_source_and_group_and_what_the_judge_was_asked(run):
    first, second = (payload for payload in run.payloads if "dataset/count" in payload)
    assert [payload["llm_telemetry/step"] for payload in run.payloads] == [1, 1, 2, 2]
    for payload in (first, second):
        told = ("dataset/sums/count", "dataset/capitals/count", "group/count", "judge/calls", "llm/judge/calls")
        assert [payload[name] for name in told] == [4, 2, 3, 6, 6]
        assert (payload["dataset/sums/accuracy"], payload["telemetry/errors"]) == (50, 0)
    assert (first["dataset/capitals/accuracy"], first["judge/success_rate"]) == (50, 1)
    assert (second["dataset/capitals/accuracy"], second["dataset/capitals/unscored"]) == (100, 1)
    assert second["judge/success_rate"] == pytest.approx(5 / 6)


def test_an_evaluation_is_a_validation_of_its_own(run):
    held = [payload for payload in run.payloads if "val/count" in payload]
    told = ("val/held/count", "val/held/accuracy", "val/judge/calls", "val/llm/judge/calls")
    assert [[payload[name] for name in told] for payload in held] == [[2, 100, 2, 2], [2, 0, 2, 2]]


def test_all_that_the_server_has_served_is_the_judges(run):
    assert run.payloads[-1]["cost/judge_calls"] == run.asked == 2 * 6 + 2 * 2
    assert [key for payload in run.payloads for key in payload if "llm/other/" in key] == []


def test_the_trainers_own_rows_have_the_payload_of_their_step_and_of_the_evaluation_before(run):
    assert [run.rows[step]["train/rollout/num_samples"] for step in (1, 2)] == [6, 6]
    assert [run.rows[step]["train/dataset/sums/accuracy"] for step in (1, 2)] == [50, 50]
    assert "train/val/held/accuracy" not in run.rows[1]
    assert run.rows[2]["train/val/held/accuracy"] == 100
    assert [run.rows[step]["eval/eval_held_pass1"] for step in (1, 2)] == [1, 0]


COMPARE = """
from tests.support.signatures import read_in, signature_now
print([row["path"] for row in read_in("openrlhf") if signature_now(row) != row["signature"]])
"""


def test_it_has_the_functions_that_were_read(run, tmp_path):
    assert read_in("openrlhf")
    assert python("-W", "ignore", "-c", COMPARE, cwd=tmp_path, **{**run.environ, "LLM_TELEMETRY": "0"}).stdout == "[]\n"
