"""A folder that machines share: whoever is killed, and whenever, the totals of the run are exact."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from llm_telemetry.events import Call, Usage
from llm_telemetry.runs.place import Place
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.session import Session
from llm_telemetry.session.shared import OFFSETS, SharedReader, claim
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.settings.config import Config
from llm_telemetry.sinks.jsonl import JsonlSink
from llm_telemetry.words import SHARED

CALL = Call("judge", "train", "s", "m", "m", Usage(3, 2), None, 0, 0.5)


def writer_on(folder, home):
    """A process of a machine of this name."""
    writer = SpoolWriter(folder, closes=True)
    writer.writer = writer.writer._replace(machine=home)
    return writer


class Disk(JsonlSink):
    """The JSONL, of a process that may be killed right before it writes."""

    dies = False

    def write(self, payload):
        if not self.dies:
            super().write(payload)


class Owner:
    """One process that owns the run, and goes on from what its predecessor has left."""

    def __init__(self, folder):
        config = Config(folder=folder, resume=True, run=False)
        place = Place(config, None)
        self.disk = Disk(place)
        self.session = Session(config, [self.disk])
        self.session.children = SharedReader(folder / SHARED)
        if (state := place.state()) is not None:
            self.session.restore(state)

    def end_step(self):
        self.session.end_window(self.session.step + 1)

    def total(self):
        return self.session.latest["train"].values["tokens/total"]


HOMES = ("a1", "b2", "c3")
ACTIONS = (
    "write",
    "write",
    "write",
    "end a step",
    "kill the owner",
    "kill it before it writes",
    "kill a worker",
    "close",
)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(HOMES)), max_size=40))
def test_every_event_of_a_shared_folder_is_counted_once_whoever_is_killed(schedule):
    with TemporaryDirectory() as name:
        folder, written = Path(name), 1
        owner, workers = Owner(folder), {"a1": writer_on(Path(name) / SHARED, "a1")}
        workers["a1"].record(CALL)
        owner.end_step()  # a run has a successor when its first payload is on the disk
        for action, home in schedule:
            worker = workers.setdefault(home, writer_on(folder / SHARED, home))
            if action == "write":
                worker.record(CALL)
                written += 1
            elif action == "close":
                worker.close()
                del workers[home]
            elif action == "kill a worker":
                worker.write("call", {})  # a line that cannot be stands for one that was torn
                del workers[home]
            else:
                owner.disk.dies = action == "kill it before it writes"
                if action != "kill the owner":
                    owner.end_step()
                if action != "end a step":
                    owner = Owner(folder)
        workers.setdefault("a1", writer_on(folder / SHARED, "a1")).record(CALL)
        owner.end_step()
        assert owner.total() == 5 * (written + 1)
        owner.disk.close()


def test_a_file_that_was_read_to_its_end_stays_until_its_payload_is_on_the_disk(tmp_path):
    owner, worker = Owner(tmp_path), writer_on(tmp_path / SHARED, "a1")
    other = writer_on(tmp_path / SHARED, "b2")
    worker.record(CALL)
    worker.close()
    there = []
    for _ in range(5):
        other.record(CALL)
        owner.end_step()
        there.append((worker.folder / worker.writer.name).exists())
    assert there == [True, True, False, False, False]  # it was read; is known to have ended; its payload is on the disk
    assert owner.total() == 5 * 6


def test_a_run_that_does_not_go_on_from_another_leaves_what_that_one_has_counted(tmp_path):
    owner, worker = Owner(tmp_path), writer_on(tmp_path / SHARED, "a1")
    worker.record(CALL)
    owner.end_step()
    worker.record(CALL)
    reader = SharedReader(tmp_path / SHARED)
    assert list(reader.take("train")) == [CALL]


def test_a_note_that_cannot_be_is_no_note(tmp_path):
    worker = writer_on(tmp_path / SHARED, "a1")
    worker.record(CALL)
    for text in ("[", "[1]", '{"x": {}}', '{"1": [2]}', '{"1": {"f": "2"}}'):
        (tmp_path / SHARED / OFFSETS).write_text(text)
        (tmp_path / SHARED / OFFSETS).chmod(0o600)
        assert list(SharedReader(tmp_path / SHARED).take("train")) == [CALL]


def test_a_process_of_this_machine_that_is_gone_owns_nothing_any_more(tmp_path, caplog):
    assert claim(tmp_path / SHARED)
    assert claim(tmp_path / SHARED)
    note = tmp_path / SHARED / "owner.json"
    note.write_text(note.read_text().rpartition(",")[0] + ", 1]")  # process 1 lives
    assert not claim(tmp_path / SHARED)
    assert "belongs to another run" in caplog.text
    note.write_text(note.read_text().rpartition(",")[0] + f", {2**22 + 1}]")
    assert claim(tmp_path / SHARED)


def test_a_process_of_another_machine_is_never_taken_for_dead_nor_alive_by_its_number(tmp_path):
    worker = writer_on(tmp_path / "spool", "a1")
    worker.writer = worker.writer._replace(pid=2**22 + 1)
    worker.record(CALL)
    reader = SpoolReader(tmp_path / "spool")
    assert list(reader.take("train")) == [CALL]
    worker.record(CALL)
    assert list(reader.take("train")) == [CALL]
    reader.wait_for_ranks(seconds=0)
    assert reader.facts() == {"telemetry/unclosed_writers": 1}
