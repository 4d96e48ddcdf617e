"""What goes from a child to its owner: a torn line loses itself alone, what cannot be is refused."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.events import Call, Evaluation, Evidence, Judged, Padded, Rollout, UnmatchedReward, Usage
from llm_telemetry.session import folders, foreign, reader
from llm_telemetry.session.folders import is_private, make_private, open_own, ranks_folder, read_note, write_note
from llm_telemetry.session.foreign import ForeignError, event_in
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.session.spool import ForwardedRollouts, SpoolWriter
from llm_telemetry.session.writers import Writer
from llm_telemetry.words import machine
from tests.support.children import PATIENCE

CALL = Call("judge", "train", "s", "m", "m", Usage(3, 2), None, 0, 0.5)
EVENTS = [
    CALL,
    CALL._replace(usage=None, error="timeout", latency=3),
    Evaluation("train", "s", "score", 0.5, True, "j", None, 2, 1.0, False, Evidence("a", "b", "c")),
    Rollout("train", "s", None, True),
    Rollout("train", "s", -1.5, False, "group"),
    Rollout("train", "s", 1.0, False, 3, (("form", 1.0), ("judge", None))),
    CALL._replace(rollout=(7, 1), evaluation=(7, 2), again=True),
    Evaluation("train", "s", "correct", None, False, rollout=(7, 1), key=(7, 2), batch=3),
    Evaluation("train", "s", "correct", None, False, judged=Judged(2**64 - 1, 9, degenerate=False)),
    Evaluation("train", "s", "correct", None, False, judged=Judged(None, 0, degenerate=True)),
    Rollout("train", "s", 1.0, False, keys=((7, 1), (8, 0))),
    UnmatchedReward("train", 1.0),
    Padded("train", 2),
]


def taken(folder, split="train"):
    return list(SpoolReader(folder).take(split))


@pytest.fixture
def writer(tmp_path):
    return SpoolWriter(tmp_path / "spool")


def test_events_come_back_as_they_were(writer):
    for event in EVENTS:
        writer.record(event)
    assert taken(writer.folder) == EVENTS


def test_the_split_is_the_owners_unless_the_process_knows_it(writer):
    writer.record(CALL)
    writer.knows_split = True
    writer.record(CALL)
    assert taken(writer.folder, "val") == [CALL._replace(split="val"), CALL]


def test_rollouts_come_back_with_their_key_and_group(writer):
    book = ForwardedRollouts(writer)
    rollout = OpenRollout("train", None, "s", 2**64 - 1, group="g")
    book.executed(rollout, failed=True)
    book.rewarded(rollout, rollout, None)
    executed, rewarded = taken(writer.folder)
    told = foreign.ToldRollout(rollout.key, "s", 2**64 - 1, "g")
    assert executed == foreign.Executed(told, failed=True)
    assert rewarded == foreign.Rewarded(told, told, None)


def test_a_torn_line_loses_itself_and_no_other(writer, caplog):
    writer.record(CALL)
    os.write(writer.open(), b'["call", {"role": "jud\n')
    writer.record(CALL)
    assert taken(writer.folder) == [CALL, CALL]
    assert len(caplog.messages) == 1


def test_a_line_that_a_full_disk_has_cut_off_does_not_swallow_the_next(writer, monkeypatch):
    file = writer.open()
    whole = os.write

    def cut(target, data):
        if target == file:
            whole(target, data[:10])
            raise OSError(28, "No space left on device")
        return whole(target, data)

    monkeypatch.setattr(os, "write", cut)
    with pytest.raises(OSError, match="No space"):
        writer.record(CALL)
    monkeypatch.undo()
    writer.record(CALL)
    assert taken(writer.folder) == [CALL]


def test_a_line_that_is_still_on_its_way_is_waited_for(writer):
    reader = SpoolReader(writer.folder)
    line = (json.dumps(["call", CALL._asdict()]) + "\n").encode()
    os.write(writer.open(), line[:20])
    assert list(reader.take("train")) == []
    os.write(writer.open(), line[20:])
    assert list(reader.take("train")) == [CALL]


def test_the_file_of_a_process_that_has_ended_is_read_and_forgotten(tmp_path):
    folder = tmp_path / "spool"
    program = (
        "import sys, pathlib\n"
        "from llm_telemetry.session.spool import SpoolWriter\n"
        "from tests.session.test_spool import CALL\n"
        "SpoolWriter(pathlib.Path(sys.argv[1])).record(CALL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, timeout=PATIENCE)
    reader = SpoolReader(folder)
    (file,) = folder.iterdir()
    assert list(reader.take("train")) == [CALL]
    assert list(folder.iterdir()) == []
    assert reader.heard == {(machine(), Writer.of(file.name).pid)}
    assert reader._offsets == {}


# --- what cannot be


@pytest.mark.parametrize(
    "change",
    [
        {"role": "king"},
        {"role": None},
        {"role": ["judge"]},
        {"split": "eval"},
        {"split": None},
        {"split": ["train"]},
        {"source": 1},
        {"source": "x" * (foreign.LONGEST + 1)},
        {"usage": [10**400, 0]},
        {"usage": [-1, 0]},
        {"usage": ["1", 0]},
        {"usage": [1] * 9},
        {"usage": 3},
        {"latency": float("nan")},
        {"latency": float("inf")},
        {"latency": "1"},
        {"latency": True},
        {"retries": 0.5},
        {"retries": 2**70},
        {"command": "rm"},
    ],
    ids=repr,
)
def test_a_field_that_cannot_be_is_refused(change):
    with pytest.raises(ForeignError):
        event_in("call", {**json.loads(json.dumps(CALL._asdict())), **change}, "train")


def test_a_missing_field_is_refused_unless_it_has_a_default():
    told = Evaluation("train", "s", "correct", None, False)._asdict()
    del told["evidence"]
    assert event_in("evaluation", told, "train").evidence is None
    del told["outcome"]
    with pytest.raises(ForeignError, match="missing"):
        event_in("evaluation", told, "train")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*foreign.KINDS, "executed", "rewarded", "?"]), st.data())
def test_whatever_is_told_is_an_event_or_refused(kind, data):
    record = {**foreign.KINDS, "executed": foreign.Executed, "rewarded": foreign.Rewarded}.get(kind)
    told = data.draw(JSON if record is None else st.fixed_dictionaries(dict.fromkeys(record._fields, JSON)) | JSON)
    try:
        event = event_in(kind, told, "train")
    except ForeignError:
        return
    assert type(event) is record


def test_lines_that_are_no_events_are_left_out_and_told_once(writer, caplog):
    twice = json.dumps(["call", CALL._asdict()]).encode() * 2 + b"\n"
    for line in (b"[1, 2, 3]\n", b"7\n", b'["call", {}]\n', b"[" * 100_000 + b"\n", b'["?", {}]\n', b"\xff\n", twice):
        os.write(writer.open(), line)
    writer.record(CALL)
    assert taken(writer.folder) == [CALL]
    assert len(caplog.messages) == 1


# --- who is let in


def test_a_folder_is_made_for_this_user_alone(tmp_path):
    make_private(tmp_path / "spool")
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    make_private(tmp_path / "spool")


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_a_folder_that_somebody_else_may_have_made_is_refused(tmp_path, kind):
    folder, elsewhere = tmp_path / "spool", tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    if kind == "open to others":
        folder.mkdir(0o700)
        folder.chmod(0o755)
    elif kind == "a link":
        folder.symlink_to(elsewhere)
    else:
        folder.touch()
    assert not is_private(folder)
    with pytest.raises(OSError, match="spool"):
        SpoolWriter(folder).record(CALL)
    assert taken(folder) == []
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(tmp_path):
    (tmp_path / "spool").mkdir(0o700)
    os.chown(tmp_path / "spool", 12345, 12345)
    assert not is_private(tmp_path / "spool")


def test_links_pipes_and_second_names_in_the_folder_are_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(json.dumps(["call", CALL._asdict()]) + "\n")
    folder = tmp_path / "spool"
    make_private(folder)
    (folder / f"1-{machine()}-aa.jsonl").symlink_to(secret)
    os.mkfifo(folder / f"2-{machine()}-aa.jsonl", 0o600)
    os.link(secret, folder / f"3-{machine()}-aa.jsonl")
    assert taken(folder) == []
    assert secret.read_text()


def test_a_file_that_is_there_already_is_not_written_to(tmp_path):
    target = tmp_path / "target"
    (tmp_path / "draft").symlink_to(target)
    with pytest.raises(OSError, match="draft"):
        open_own(tmp_path / "draft", os.O_WRONLY | os.O_CREAT)
    assert not target.exists()


def test_a_note_is_read_only_from_a_private_folder(tmp_path):
    write_note(tmp_path / "notes" / "parts.json", [1])
    assert read_note(tmp_path / "notes" / "parts.json") == [1]
    (tmp_path / "notes").chmod(0o777)
    assert read_note(tmp_path / "notes" / "parts.json") is None


def test_the_ranks_of_a_watched_torchrun_share_a_folder_that_cannot_be_guessed():
    launch = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "29500"}
    agent = f"{folders.tempfile.gettempdir()}/llm_telemetry-1-abcdef"
    assert ranks_folder({**launch, "LLM_TELEMETRY_CHILDREN": agent}).parent == folders.Path(agent)
    assert ranks_folder({**launch, "WORLD_SIZE": "1"}) is None


def test_of_thousands_of_children_each_dead_one_is_asked_for_once_and_a_silent_one_is_not_read(tmp_path, monkeypatch):
    folder, dead, alive = tmp_path / "spool", 2_000, 50
    make_private(folder)
    for number in range(dead):
        gone = Writer(2**22 + 1 + number, machine(), "a")  # beyond every pid
        os.close(open_own(folder / gone.name, os.O_WRONLY | os.O_CREAT))
    for number in range(alive):
        os.close(open_own(folder / Writer(os.getpid(), machine(), f"{number:x}").name, os.O_WRONLY | os.O_CREAT))
    asked, read = [], []
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda pid, signal: (asked.append(pid), kill(pid, signal)))
    monkeypatch.setattr(reader, "open_own", lambda *arguments: read.append(arguments))
    ours = SpoolReader(folder)
    assert list(ours.take("train")) == []
    assert len(asked) == dead + alive
    asked.clear()
    assert list(ours.take("train")) == []
    assert asked == [os.getpid()] * alive
    assert read == []


def test_a_rank_that_says_that_it_is_done_is_not_waited_for_and_is_not_missed(tmp_path, caplog):
    writer, reader = SpoolWriter(tmp_path / "spool", "1"), SpoolReader(tmp_path / "spool")
    writer.record(CALL)
    writer.close()
    reader.wait_for_ranks(seconds=60)  # it has, so this returns
    assert list(reader.take("train")) == [CALL]
    assert caplog.text == ""
