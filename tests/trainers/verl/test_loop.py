"""verl's RewardLoopManager and Tracking on Ray: each row that is logged, held against the books of the judge."""

import pytest

pytest.importorskip("verl")

from llm_telemetry.testing import LLMServer
from tests.support import ray_cluster
from tests.support.children import payloads_in, python
from tests.trainers.verl.test_verl import reply
from tests.trainers.verl.toy import ROWS, rows_in, tokenizer_in

PADDED = 1


def test_each_row_that_is_logged_has_what_the_workers_of_its_step_have_rewarded(tmp_path):
    tokenizer = tokenizer_in(tmp_path)
    with LLMServer(reply) as server, ray_cluster.folder() as short:
        told = {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_CONSOLE": "0", "LLM_TELEMETRY_FOLDER": str(tmp_path / "ours")}
        environ = {**ray_cluster.variables(server, short), **told, "TMPDIR": short, "CUDA_VISIBLE_DEVICES": ""}
        environ["VERL_FILE_LOGGER_PATH"] = str(tmp_path / "verl.jsonl")
        done = python("-m", "tests.trainers.verl.loop", tokenizer, cwd=tmp_path, **environ)
        asked = len(server.books)
    rows = rows_in(tmp_path / "verl.jsonl")
    assert [(step, row["llm_telemetry/step"]) for step, row in rows] == [(1, 1), (2, 2)]
    assert asked == rows[-1][1]["cost/judge_calls"] == 2 * (len(ROWS) + PADDED)
    for _, row in rows:
        told = ("dataset/count", "judge/calls", "llm/judge/calls", "dataset/capitals/count", "judge/correct_count")
        assert [row[name] for name in told] == [4, 4, 4, 1, 3]  # the padded row is the first one again
        assert row["dataset/padded"] == PADDED
        assert row["dataset/sums/accuracy"] == pytest.approx(200 / 3)
        assert row["critic/score/mean"] == pytest.approx(2 / 3)
        assert [name for name in row if "/other/" in name or "/unknown/" in name] == []
    assert [payload["llm_telemetry/step"] for payload in payloads_in(tmp_path / "ours")] == [1, 2]
    assert done.stderr.count("verl pads a batch to a multiple of its workers, here by 1 rows") == 1
