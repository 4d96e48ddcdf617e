"""Captured evaluations in W&B: a table that rides in the row of its payload, and changes nothing else."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_telemetry import guard, instrument
from llm_telemetry.events import STEP_KEY, CapturedEvaluation, Evaluation, Payload
from llm_telemetry.judging.evidence import evidence_of
from llm_telemetry.runs.sync import missing_in
from llm_telemetry.sinks import jsonl
from llm_telemetry.sinks.wandb import access as _seams
from llm_telemetry.sinks.wandb import backlog as _backlog
from llm_telemetry.sinks.wandb import rows as _rows
from llm_telemetry.sinks.wandb.sink import WandbSink
from tests.support.mocking import chat
from tests.support.sinks import attached, folder_of
from tests.support.trainers import RewardComputer, Trainer, train_step
from tests.support.wandb_model import ModelRun
from tests.support.wandb_offline import Written
from tests.support.wandb_trainers import PATTERNS, Log, Pay, payload, payload_places, play, programs, trainer_values

wandb = pytest.importorskip("wandb")

TABLE, VAL_TABLE = "judge/captured_failures", "val/judge/captured_failures"


def captured(step, split="train", answer="I would rather not say."):
    return CapturedEvaluation(
        step, split, "gsm8k", "compare", "parse_failure", "no_verdict", False, answer, "False", ""
    )


def told(step, number=None, split="train", texts=("one", "two")):
    """A payload with evidence."""
    plain = payload(step, float(step if number is None else number), split)
    return plain._replace(evidence=tuple(captured(step, split, text) for text in texts))


def table_in(folder, row, key=TABLE):
    """The table that a row refers to, read back from the run's files."""
    path = folder / "files" / row[f"{key}.path"]
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_table_is_in_the_row_of_its_payload(begin):
    """The row refers to a file in the run's own folder, which has the payload's evaluations and no others."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    for step in (1, 2, 3):
        sink.write(told(step, texts=(f"a{step}", f"b{step} …")) if step != 2 else payload(2, 2.0))
        run.log({"loss": 1000.0 + step}, step=step)
    run.finish()
    wandb.teardown()
    rows = Written(folder).rows
    assert [(row[STEP_KEY], row["loss"], f"{TABLE}.path" in row) for row in rows] == [
        (1, 1001.0, True),
        (2, 1002.0, False),
        (3, 1003.0, True),
    ]
    for row in (rows[0], rows[2]):
        step = row[STEP_KEY]
        table = table_in(folder, row)
        assert tuple(table["columns"]) == CapturedEvaluation._fields
        assert table["data"] == [list(captured(step, answer=text)) for text in (f"a{step}", f"b{step} …")]


def test_validation_has_a_table_of_its_own(begin):
    """Two splits, two payloads, two keys."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    sink.write(told(4, 1, texts=["in training"]))
    sink.write(told(4, 2, "val", ["in validation"]))
    run.finish()
    wandb.teardown()
    (row,) = Written(folder).rows
    assert [cells[7] for cells in table_in(folder, row)["data"]] == ["in training"]
    assert [cells[7] for cells in table_in(folder, row, VAL_TABLE)["data"]] == ["in validation"]


def written_once(begin):
    """What is in the file of a run with one payload and one row of the trainer."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    sink.write(told(1))
    run.log({"loss": 1.0})
    run.finish()
    wandb.teardown()
    return Written(folder)


def test_a_table_has_no_axis(begin):
    """W&B shows a table by rows of the run, not over a step."""
    assert not any("captured" in name for name in written_once(begin).metrics)


def run_pattern(begin, program, *, evidence):
    run = begin(reinit="create_new")
    folder = folder_of(run)
    sink = attached(run)
    texts = ("one", "two") if evidence else ()

    def write(plain):
        sink.write(plain._replace(evidence=tuple(captured(plain.step, plain.split, text) for text in texts)))

    outcomes = play(program, run.log, write)
    run.finish()
    assert sink.payloads_missed == 0
    return folder, outcomes


NAMES = [
    "explicit, after",
    "explicit within, validation later at the same step",
    "explicit, every 4th step",
    "no step, every 4th step",
    "24 without step, then step=s",
    "commit=False, then a closing call",
    "steps that run backwards",
]


def test_the_trainers_rows_are_the_same_with_tables_and_without(begin):
    """Neither a row nor a step nor a value of the trainer's moves, nor one of our own numbers."""
    programs = [PATTERNS[name] for name in NAMES] + [[Pay(1), Log(step=1), Pay(2), Log(broken=True), Log(step=2)]]
    pairs = [[run_pattern(begin, program, evidence=evidence) for evidence in (False, True)] for program in programs]
    wandb.teardown()
    for program, ((plain, expected), (tabled, actual)) in zip(programs, pairs, strict=True):
        assert actual == expected
        without, with_tables = Written(plain).rows, Written(tabled).rows
        assert trainer_values(with_tables) == trainer_values(without)
        assert payload_places(with_tables) == payload_places(without)
        assert [strip(row) for row in with_tables] == [strip(row) for row in without]
        assert tables_in(with_tables) == sum(isinstance(operation, Pay) for operation in program)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(programs(), st.booleans())
def test_random_trainers_have_the_same_rows_with_tables_and_without(monkeypatch, program, fails):
    """Whether tables can be written or not; W&B is the model that `test_model.py` holds against W&B."""
    monkeypatch.setattr(guard, "failures", guard.Failures())
    monkeypatch.setattr(_seams, "table", lambda run, key, step, columns, rows: 1 / 0 if fails else "a table")
    runs = [ModelRun(), ModelRun()]
    for run, texts in zip(runs, ((), ("one",)), strict=True):
        sink = attached(run)

        def write(plain, sink=sink, texts=texts):
            sink.write(plain._replace(evidence=tuple(captured(plain.step, plain.split, text) for text in texts)))

        play(program, run.log, write)
        run.finish()
    without, with_tables = (run.rows for run in runs)
    assert [strip(row) for row in with_tables] == without
    assert tables_in(with_tables) == (0 if fails else sum(isinstance(operation, Pay) for operation in program))


def tables_in(rows):
    """The number of tables; those of a step and of its validation may stand in one row."""
    return sum(len({key.partition(".")[0] for key in row if "captured" in key}) for row in rows)


def strip(row):
    """A row without what a clock or a table has put there."""
    return {key: value for key, value in row.items() if key[:5] not in ("_time", "_runt") and "captured" not in key}


@pytest.mark.parametrize("broken", ["made", "written"])
def test_a_table_that_cannot_be_written_leaves_the_numbers_of_its_row(begin, lenient, monkeypatch, broken):
    """Told once, counted, and the row is as if nothing had been captured."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    if broken == "made":
        monkeypatch.setattr(wandb, "Table", lambda **_: 1 / 0)
    else:
        monkeypatch.setattr(wandb.Table, "bind_to_run", lambda *_, **__: 1 / 0)
    for step in (3, 5):
        sink.write(told(step))
        run.log({"loss": 1000.0 + step}, step=step)
    sink.write(told(9))
    run.finish()
    wandb.teardown()
    rows = Written(folder).rows
    assert [(row["_step"], row.get("loss"), row["dataset/count"]) for row in rows] == [
        (3, 1003.0, 3.0),
        (5, 1005.0, 5.0),
        (6, None, 9.0),
    ]
    assert lenient.total() == 3
    assert not any("captured" in key for row in rows for key in row)


def test_a_table_is_made_when_it_is_written_and_not_before(monkeypatch):
    """Rows wait as they are; nothing of W&B's waits with them."""
    made = []
    monkeypatch.setattr(_seams, "table", lambda run, key, step, columns, rows: made.append(len(rows)) or "a table")
    run = ModelRun()
    sink = attached(run)
    sink.write(told(1))
    sink.write(told(2))
    assert made == []
    run.log({"loss": 1.0})
    assert made == [2]
    run.finish()
    assert [row[TABLE] for row in run.rows] == ["a table", "a table"]
    assert payload_places(run.rows) == [(1.0, 0), (2.0, 1)]


def test_online_no_server_is_asked_about_a_table(begin, server):
    """An artifact of it would be asked for in the middle of the trainer's `log`; the file goes with the run's files."""
    run = begin()
    sink = attached()
    for step in (1, 2):
        sink.write(told(step))
        run.log({"loss": 1000.0 + step}, step=step)
    run.finish()
    rows = server.run(run.id).rows
    assert [(row["loss"], row[TABLE]["_type"], row[TABLE]["nrows"]) for row in rows] == [
        (1001.0, "table-file", 2),
        (1002.0, "table-file", 2),
    ]
    assert not any("artifact_path" in row[TABLE] for row in rows)


def test_the_trainers_key_stays_the_trainers(monkeypatch):
    """A trainer that logs a key of this name keeps it to itself."""
    monkeypatch.setattr(_seams, "table", lambda run, key, step, columns, rows: "a table")
    run = ModelRun()
    sink = attached(run)
    run.log({TABLE: 7.0})
    sink.write(told(1))
    run.log({"loss": 1.0})
    run.finish()
    assert [row.get(TABLE) for row in run.rows] == [7.0, None]
    assert payload_places(run.rows) == [(1.0, 1)]


def test_what_waits_is_bounded(monkeypatch):
    """The oldest rows lose their texts, and keep their numbers; the newest has its own, however many."""
    monkeypatch.setattr(_seams, "table", lambda run, key, step, columns, rows: len(rows))
    monkeypatch.setattr(_backlog, "LARGEST_EVIDENCE", 5)
    run = ModelRun()
    sink = attached(run)
    for step in range(1, 6):
        sink.write(told(step))
    sink.write(told(6, texts="abcdefgh"))
    run.finish()
    assert [row.get(TABLE) for row in run.rows] == [None] * 5 + [8]
    assert [number for number, _ in payload_places(run.rows)] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_the_bound_counts_what_has_been_written_no_more(monkeypatch):
    """Rows that have found their place make room."""
    monkeypatch.setattr(_seams, "table", lambda run, key, step, columns, rows: len(rows))
    monkeypatch.setattr(_backlog, "LARGEST_EVIDENCE", 4)
    run = ModelRun()
    sink = attached(run)
    for step in range(1, 9):
        sink.write(told(step))
        run.log({"loss": 1.0}, step=step)
    sink.write(told(9))
    run.finish()
    assert [row.get(TABLE) for row in run.rows] == [2] * 9


def test_what_waits_for_the_first_run_is_bounded_and_arrives(monkeypatch):
    """Before `wandb.init`, the first texts wait, and no more than so many."""
    monkeypatch.setattr(_seams, "table", lambda run, key, step, columns, rows: len(rows))
    monkeypatch.setattr("llm_telemetry.sinks.wandb.sink.LARGEST_EVIDENCE", 3)
    sink = WandbSink()
    for step in (1, 2, 3):
        sink.write(told(step))
    sink._given = run = ModelRun()
    sink.attach()
    run.finish()
    assert [row.get(TABLE) for row in run.rows] == [2, 2, None]


def test_sync_finds_a_payload_in_a_row_that_has_a_table_besides(begin):
    """What is in the JSONL beside the payload is none of its business, nor what is in the row."""
    assert missing_in(written_once(begin).rows, [dict(told(1).values)]) == []


def test_the_columns_and_the_lines_of_the_jsonl_say_the_same(tmp_path):
    """One table, two places."""

    class Place:
        run_id = None

        @staticmethod
        def path():
            return tmp_path / "x.jsonl"

        @staticmethod
        def sequence():
            return 0

    sink = jsonl.JsonlSink(Place())
    sink.write(told(1))
    sink.write(Payload(2, "train", {STEP_KEY: 2}, {}, 0.0))
    sink.close()
    first, second = jsonl.read_lines(tmp_path / "x.jsonl")
    assert [tuple(one) for one in first["evidence"]] == [_rows.COLUMNS] * 2
    assert "evidence" not in second


def test_a_training_run_leaves_its_failures_in_both_places(begin, api):
    """The judge's text, what was made of it, and no key: in the JSONL and in the table of the same row."""
    key = "sk-" + "A7" * 24
    said = f"I would rather not say. Your key {key} works. " + "So be it. " * 200 + "Ask me again."
    api.post("/chat/completions").side_effect = lambda _: chat("4")

    def judge(problem, prediction, ground_truth):
        session = telemetry._session
        evidence = evidence_of(said, {"correct": False}, None)
        split = session.phase.split
        session.record(
            Evaluation(split, "gsm8k", "parse_failure", None, False, "compare", "no_verdict", 1, evidence=evidence)
        )
        return False

    items = [{"problem": f"{i} + 1?", "ground_truth": "4", "source": "gsm8k"} for i in range(4)]
    trainer = Trainer(items=items, reward_computer=RewardComputer(judge))
    run = begin()
    folder = folder_of(run)
    telemetry = instrument(trainer, console=0, capture_failures=3)
    for step in (1, 2):
        train_step(trainer, step)
        run.log({"loss": 1000.0 + step}, step=step)
    asyncio.run(trainer.evaluate_on_val_set(4))
    run.finish()
    telemetry.uninstrument()
    wandb.teardown()
    lines = list(jsonl.read_lines(folder / jsonl.FILE_NAME))
    rows = [row for row in Written(folder).rows if STEP_KEY in row]
    assert (len(lines), len(rows)) == (3, 2)
    for line, row, name in zip(lines, [*rows, rows[-1]], (TABLE, TABLE, VAL_TABLE), strict=True):
        table = table_in(folder, row, name)
        assert [list(one.values()) for one in line["evidence"]] == table["data"]
        assert len(table["data"]) == 3
        one = line["evidence"][0]
        assert (one["split"], one["outcome"], one["returned"]) == (line["split"], "parse_failure", "{'correct': False}")
        assert one["answer"].startswith("I would rather not say. Your key [scrubbed] works. So be it.")
        assert one["answer"].endswith("Ask me again.")
    assert not any(key[5:20] in path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
