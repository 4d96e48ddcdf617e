"""The first line of a JSONL says what was watched, and how."""

import json

from llm_telemetry import __version__, instrument
from llm_telemetry.events import Payload
from llm_telemetry.runs.find import read_run
from llm_telemetry.runs.numbers import check_numbers
from llm_telemetry.sinks.jsonl import JsonlSink, read_lines, read_watched
from tests.support.left_runs import said
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Trainer, train_step

KEY = "sk-proj-0123456789abcdef0123456789abcdef01234567"


def trained(folder, **settings):
    with openai_api() as api:
        api.post("/chat/completions").mock(side_effect=lambda request: chat("true"))
        trainer = Trainer()
        with instrument(trainer, folder=folder, run=False, console=0, **settings) as telemetry:
            train_step(trainer, 1)
            train_step(trainer, 2)
    return telemetry.path


def test_the_first_line_says_what_was_watched(tmp_path):
    path = trained(tmp_path, threshold=0.5)
    header = json.loads(path.read_text().splitlines()[0])["watched"]
    assert header == read_watched(path)
    assert (header["version"], header["adapter"]) == (__version__, "by_shape")
    assert header["trainer"].endswith(".Trainer")
    assert {part["kind"] for part in header["parts"]} >= {"step", "executor", "reward", "judges"}
    assert all(part["owner"] and part["name"] for part in header["parts"])
    assert header["settings"]["threshold"] == 0.5
    assert "resume" not in header["settings"]


def test_only_the_first_line_says_it(tmp_path):
    lines = [json.loads(line) for line in trained(tmp_path).read_text().splitlines()]
    assert ["watched" in line for line in lines] == [True, False]
    assert [line["step"] for line in lines] == [1, 2]


def test_a_file_that_is_gone_on_with_says_it_once(tmp_path):
    class Place:
        run_id = None

        def path(self):
            return tmp_path / "x.jsonl"

        def sequence(self):
            return 0

    for step in (1, 2):
        sink = JsonlSink(Place(), {"trainer": "m.T"})
        sink.write(Payload(step, "train", {}, {}, 0.0))
        sink.close()
    assert ["watched" in line for line in read_lines(tmp_path / "x.jsonl")] == [True, False]


def test_no_secret_gets_into_it(tmp_path):
    path = trained(tmp_path, prices={KEY: {"input": 1, "output": 2}}, judge_parser=f"x|{KEY}")
    assert KEY not in path.read_text().splitlines()[0]


def test_the_doctor_tells_what_was_watched_in_these_words(tmp_path):
    text = said(check_numbers(read_run(trained(tmp_path, threshold=0.5))))
    assert ".Trainer (found by by_shape): step train_step" in text
    assert "settings other than the defaults: " in text
    assert "threshold=0.5" in text


def test_a_file_of_a_version_without_it_is_read_all_the_same(tmp_path):
    path = trained(tmp_path)
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[1:]))
    assert read_watched(path) == {}
    assert read_run(path).step == 2
    assert check_numbers(read_run(path))
