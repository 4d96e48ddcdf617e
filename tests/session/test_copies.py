"""Pieces of files that are brought to the owner's machine: doubled, late, dropped, with everybody killed in between."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_telemetry.session.copies import put, rest_of
from llm_telemetry.session.folders import make_private
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.writers import Writer
from tests.session.test_shared import CALL, writer_on

HOMES = ("a1", "b2", "c3")
ACTIONS = (
    "write",
    "write",
    "push",
    "push a part",
    "push what is lost",
    "push twice",
    "push later",
    "come late",
    "read",
)


class Worker:
    """One on a machine of its own, and what it knows to have arrived; killed and started again it knows nothing."""

    def __init__(self, folder, home):
        self.writer = writer_on(folder / home, home)
        self.path = self.writer.folder / self.writer.writer.name
        self.arrived = 0

    def piece(self, length=None):
        return self.path.name, self.arrived, rest_of(self.path, self.arrived)[:length]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(HOMES), st.integers(1, 400)), max_size=40))
def test_every_event_is_taken_once_whatever_becomes_of_the_pieces(schedule):
    with TemporaryDirectory() as name:
        folder, taken, late = Path(name), [], []
        owners = folder / "owner"
        make_private(owners)
        reader, workers = SpoolReader(owners), {home: Worker(folder, home) for home in HOMES}
        written = 0
        for action, home, length in schedule:
            worker = workers[home]
            if action == "write":
                worker.writer.record(CALL)
                written += 1
            elif action == "read":
                taken += reader.take("train")
            elif action == "push later":
                late.append(worker.piece())
            elif action == "come late":
                late = [piece for piece in late if put(owners, *piece) < 0]
            elif action.startswith("push") and action != "push what is lost":
                piece = worker.piece(length if action == "push a part" else None)
                for _ in range(2 if action == "push twice" else 1):
                    worker.arrived = put(owners, *piece)
        for worker in workers.values():
            put(owners, *worker.piece())
            worker.arrived = 0  # as after its own death: another one begins at the beginning
            put(owners, *worker.piece())
        taken += reader.take("train")
        assert taken == [CALL] * written


def test_a_piece_beyond_the_end_of_the_copy_is_asked_for_again_from_there(tmp_path):
    name = Writer(1, "a1", "0").name
    assert put(tmp_path / "owner", name, 0, b"12") == 2
    assert put(tmp_path / "owner", name, 5, b"6") == 2
    assert put(tmp_path / "owner", name, 1, b"2345") == 5
    assert (tmp_path / "owner" / name).read_bytes() == b"12345"


@pytest.mark.parametrize(
    "name", ["../x.jsonl", "parts.json", Writer.here().name], ids=["elsewhere", "a note", "one of here"]
)
def test_only_files_of_other_machines_are_taken(tmp_path, name):
    with pytest.raises(ValueError, match="no file of another machine"):
        put(tmp_path / "owner", name, 0, b"")


def test_a_worker_at_rest_is_not_missed_at_the_end_and_one_at_work_is(tmp_path):
    resting, working = (writer_on(tmp_path / "owner", home) for home in ("a1", "b2"))
    for writer in (resting, working):
        writer.record(CALL)
        writer.rest()
    working.record(CALL)
    reader = SpoolReader(tmp_path / "owner")
    assert list(reader.take("train")) == [CALL] * 3
    reader.wait_for_ranks(seconds=0)
    assert reader.facts() == {"telemetry/unclosed_writers": 1}
