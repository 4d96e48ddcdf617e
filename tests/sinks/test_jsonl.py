"""The JSONL file: a line is kept until it is written, and a file that somebody takes away is made anew."""

import contextlib
import errno
import json
import logging
import os
import signal
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks import jsonl
from llm_telemetry.sinks.jsonl import JsonlSink, read_lines, read_sequence, read_watched

WATCHED = {"trainer": "GRPOTrainer"}


def payload(step, **values):
    return Payload(step, "train", {STEP_KEY: step, **values}, {}, 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "llm_telemetry.jsonl"


@pytest.fixture
def sink(path):
    made = JsonlSink(types.SimpleNamespace(run_id=None, sequence=int, path=lambda: path), WATCHED)
    yield made
    made.close()


def steps_in(path):
    return [line["step"] for line in read_lines(path)]


@pytest.fixture
def disk(monkeypatch):
    """A disk that takes only so many bytes a write; 0 for a full one."""
    write, room = os.write, types.SimpleNamespace(bytes=None)

    def limited(file, data):
        if room.bytes == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write(file, data[: room.bytes])
        room.bytes = room.bytes and room.bytes - taken
        return taken

    monkeypatch.setattr(os, "write", limited)
    return room


def test_lines_that_a_full_disk_did_not_take_are_written_when_there_is_room(sink, path, disk):
    sink.write(payload(1))
    disk.bytes = 0
    for step in (2, 3):
        with pytest.raises(OSError, match="No space"):
            sink.write(payload(step))
    assert steps_in(path) == [1]
    disk.bytes = None
    sink.write(payload(4))
    assert steps_in(path) == [1, 2, 3, 4]


@given(room=st.integers(1, 400))
def test_a_line_that_a_full_disk_cuts_off_is_written_whole_later(room, tmp_path_factory):
    path = tmp_path_factory.mktemp("disk") / "llm_telemetry.jsonl"
    sink = JsonlSink(types.SimpleNamespace(run_id=None, sequence=int, path=lambda: path))
    write, left = os.write, [room]

    def limited(file, data):
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write(file, data[: left[0]])
        left[0] -= taken
        return taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", limited)
        for step in (1, 2, 3):
            with contextlib.suppress(OSError):
                sink.write(payload(step))
    sink.close()
    assert steps_in(path) == [1, 2, 3]


def test_a_folder_that_is_taken_away_and_a_file_that_is_replaced_are_made_anew(sink, path):
    sink.write(payload(1))
    path.unlink()
    sink.write(payload(2))
    assert steps_in(path) == [2]
    path.unlink()
    path.parent.rmdir()
    sink.write(payload(3))
    assert steps_in(path) == [3]
    path.rename(path.with_suffix(".old"))
    path.write_text("")
    sink.write(payload(4))
    assert (steps_in(path), steps_in(path.with_suffix(".old"))) == ([4], [3])
    assert read_watched(path) == WATCHED


def test_only_the_first_line_of_a_file_says_what_is_watched(sink, path):
    for step in (1, 2):
        sink.write(payload(step))
    assert ["watched" in line for line in read_lines(path)] == [True, False]


def test_a_line_that_another_process_left_cut_off_does_not_swallow_the_next(sink, path):
    path.parent.mkdir()
    path.write_text('{"step": 0, "payload": {"dataset/co')
    sink.write(payload(1))
    assert steps_in(path) == [1]


def test_what_cannot_be_written_is_kept_only_up_to_a_limit_and_told_at_the_end(sink, path, disk, caplog, monkeypatch):
    monkeypatch.setattr(jsonl, "MOST_WAITING", 3)
    sink = JsonlSink(sink._place)
    disk.bytes = 0
    for step in range(5):
        with pytest.raises(OSError, match="No space"):
            sink.write(payload(step))
    with caplog.at_level(logging.WARNING), pytest.raises(OSError, match="No space"):
        sink.close()
    assert caplog.messages == ["llm_telemetry: " + jsonl.LEFT % (3, path)]
    disk.bytes = None
    sink.close()
    assert steps_in(path) == [2, 3, 4]


def test_json_is_strict(sink, path):
    with pytest.raises(ValueError, match="JSON"):
        sink.write(payload(1, bad=float("inf")))
    assert not path.exists() or steps_in(path) == []


def test_a_payload_that_is_no_json_costs_itself_alone(sink, path):
    with pytest.raises(ValueError, match="JSON"):
        sink.write(payload(1, bad=float("nan")))
    sink.write(payload(2))
    assert steps_in(path) == [2]


def test_the_numbers_of_lines_go_on_where_the_former_process_has_stopped(sink, path):
    for step in (1, 2):
        sink.write(payload(step))
    assert [line["sequence"] for line in read_lines(path)] == [1, 2]
    after = JsonlSink(types.SimpleNamespace(run_id=None, sequence=lambda: read_sequence(path), path=lambda: path))
    after.write(payload(3))
    after.close()
    assert read_sequence(path) == 3


@pytest.mark.parametrize("left", ["", "\n", '{"step": 3, "sequ', "[]\n", "no json\n"])
def test_the_number_of_the_last_whole_line_is_found(sink, path, left, monkeypatch):
    monkeypatch.setattr(jsonl, "_TAIL", 64)
    for step in (1, 2):
        sink.write(payload(step))
    with path.open("a") as file:
        file.write(left)
    assert read_sequence(path) == 2


def test_threads_write_whole_lines_and_lose_none(sink, path):
    def write(first):
        for step in range(first, first + 200):
            sink.write(payload(step))

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 200, 400, 600)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "" not in path.read_text().split("\n")[:-1]
    assert sorted(steps_in(path)) == list(range(800))
    assert [line["sequence"] for line in read_lines(path)] == list(range(1, 801))


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs signals")
def test_a_signal_s_handler_that_writes_in_the_middle_of_a_line_neither_hangs_nor_loses_one(sink, path, monkeypatch):
    write = os.write
    previous = signal.signal(signal.SIGUSR1, lambda *_: sink.write(payload(2)))

    def interrupted(file, data):
        if b'"step": 1' in bytes(data):
            os.kill(os.getpid(), signal.SIGUSR1)
        return write(file, data)

    monkeypatch.setattr(os, "write", interrupted)
    try:
        sink.write(payload(1))
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert steps_in(path) == [1, 2]


def test_every_line_is_one_json_object(sink, path):
    sink.write(payload(1, **{"dataset/count": 3}))
    assert json.loads(path.read_text())["payload"] == {STEP_KEY: 1, "dataset/count": 3}
