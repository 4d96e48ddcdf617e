"""What a failed evaluation looked like is kept where that was asked for: the first of a step, cut, without secrets."""

import asyncio
import collections
import dataclasses
import decimal
import enum
import json
import multiprocessing
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry import InstrumentError, instrument
from llm_telemetry.collectors.evidence import EvidenceCollector
from llm_telemetry.events import CapturedEvaluation, Evaluation, Evidence
from llm_telemetry.judging.evidence import LENGTH, LOOKED_AT, evidence_of, shorten
from llm_telemetry.processes import children
from llm_telemetry.session.folders import read_note
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.session.writers import Writer
from llm_telemetry.settings.variables import configured
from llm_telemetry.sinks.jsonl import read_lines
from tests.support.mocking import chat, failure, openai_api
from tests.support.trainers import Executor, RewardComputer, Trainer, train_step, watch

np = pytest.importorskip("numpy")

FORK = multiprocessing.get_context("fork")
LETTERS = string.ascii_letters + string.digits


def a_key(length=48, seed=0):
    """Nobody's key."""
    dice = random.Random(seed)
    return "sk-" + "A7" + "".join(dice.choice(LETTERS) for _ in range(length))


def is_told(key, text):
    return any(key[i : i + 8] in text for i in range(5, len(key) - 7))


# --- the text


def test_a_short_text_is_kept_as_it_is():
    text = "The candidate says 42.\n<true_false>True</true_false>"
    assert evidence_of(text, False, None) == Evidence(text, "False", "")


def test_of_a_long_text_both_ends_are_kept_and_what_is_cut_is_counted():
    text = "Let me see. " + "So be it. " * 300 + "Verdict: true"
    short = shorten(text)
    head, note, tail = short.split(" … ")
    assert text.startswith(head)
    assert tail.endswith("Verdict: true")
    assert len(head) + len(tail) == LENGTH
    assert note == f"[{len(text) - LENGTH:,} characters cut]"


def test_of_a_text_too_long_to_be_searched_both_ends_are_kept_as_well():
    text = "Let me see. " + "So be it. " * 30_000 + "Verdict: true"
    head, note, tail = shorten(text).split(" … ")
    assert (head, tail) == (text[: len(head)], text[-len(tail) :])
    assert note == f"[{len(text) - LENGTH:,} characters cut]"


FILLINGS = st.sampled_from(["word ", "x, y.\n", "好的。", "No. "])
LENGTHS = st.integers(0, 3 * LOOKED_AT) | st.one_of(
    [st.integers(max(at - 600, 0), at + 600) for at in (0, LOOKED_AT // 4, LOOKED_AT // 2, LOOKED_AT)]
)


@given(FILLINGS, LENGTHS, LENGTHS, st.sampled_from([40, 160, 3000]))
def test_no_cut_halves_a_key(filling, before, after, length):
    key = a_key(length, before)
    text = f"{(filling * before)[:before]} {key} {(filling * after)[:after]}"
    assert not is_told(key, shorten(text))


def test_the_end_of_a_token_whose_beginning_is_out_of_sight_is_hidden():
    assert shorten(a_key(30_000) + " Verdict: true").endswith("[scrubbed] Verdict: true")


def test_what_cannot_be_written_to_a_file_is_replaced():
    text = evidence_of("half a character: \ud83d", "\udc00", None)
    assert text.answer == "half a character: ?"
    json.dumps(text).encode("utf-8")
    assert text.returned.encode("utf-8")


# --- what was returned, and what was raised


class Verdict(enum.Enum):
    WRONG = 0


@dataclasses.dataclass
class Grade:
    correct: bool
    reason: str
    _secret: str = "x"


class Slots:
    __slots__ = ("_hidden", "never", "score")

    def __init__(self):
        self.score = 0.5


class Hostile:
    """Everything about it raises."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __iter__ = __len__ = __bool__ = __repr__

    def __getattribute__(self, name):
        raise RuntimeError


class HostileDict(dict):
    def items(self):
        raise RuntimeError

    __repr__ = __iter__ = __len__ = keys = items


class HostileText(str):
    __slots__ = ()

    def __repr__(self):
        raise RuntimeError

    __str__ = __len__ = __getitem__ = __repr__


RETURNED = [
    (None, "None"),
    (True, "True"),
    (0.5, "0.5"),
    ("no", "'no'"),
    (b"no", "b'no'"),
    ((False, "no"), "(False, 'no')"),
    ([1, 2, 3, 4, 5, 6, 7, 8], "[1, 2, 3, 4, 5, 6, …]"),
    ({"correct": True, "score": decimal.Decimal("0.1")}, "{'correct': True, 'score': Decimal('0.1')}"),
    (frozenset({2}), "{2}"),
    ([[[[1]]]], "[[[[…]]]]"),
    (Verdict.WRONG, "Verdict.WRONG"),
    (Grade(True, "it is"), "Grade(correct=True, reason='it is')"),
    (Slots(), "Slots(score=0.5)"),
    (np.bool_(True), "True"),
    (np.float32(0.5), "0.5"),
    (np.zeros(10**6), "<numpy ndarray>"),
    (collections.defaultdict(int, a=1), "{'a': 1}"),
    (10**10_000, "<an integer of 33,220 bits>"),
    (Hostile(), "Hostile()"),
    (HostileDict(a=1), "{'a': 1}"),
    (HostileText("no"), "'no'"),
    (int, "<type>"),
    ({"api_key": "abc", "correct": False}, "{'api_key': '[scrubbed]', 'correct': False}"),
]


@pytest.mark.parametrize(("value", "shown"), RETURNED, ids=[f"{i}: {shown}" for i, (_, shown) in enumerate(RETURNED)])
def test_what_was_returned_is_shown_without_running_code_of_its_class(value, shown):
    assert evidence_of("", value, None).returned == shown


@given(st.integers(0, 5000), st.sampled_from([40, 900, 3000]))
def test_a_key_in_a_long_text_that_was_returned_is_hidden(before, length):
    key = a_key(length, before)
    shown = evidence_of("", {"reason": ("word " * before)[:before] + " " + key + " so."}, None).returned
    assert not is_told(key, shown)
    assert len(shown) < LENGTH + 50


def test_a_value_that_contains_itself_ends_somewhere():
    value = []
    value.append(value)
    assert evidence_of("", value, None).returned == "[[[[…]]]]"


def test_an_exception_is_told_by_its_name_and_words_without_keys():
    error = ValueError(f"Incorrect API key provided: {a_key()}.")
    assert evidence_of("", None, error) == Evidence("", "", "ValueError: Incorrect API key provided: [scrubbed].")


def test_an_exception_that_cannot_be_shown_is_told_by_its_name():
    class OddError(Exception):
        def __str__(self):
            raise KeyError

    assert evidence_of("", None, OddError()).error.endswith("OddError: <exception str() failed>")


# --- the first of a step


def failed(number=0, split="train", **fields):
    evidence = Evidence(f"answer {number}", "False", "")
    told = {"source": "gsm8k", "outcome": "parse_failure", "score": None, "disagreed": False, "evidence": evidence}
    return Evaluation(split, **{**told, **fields})


@given(st.lists(st.tuples(st.sampled_from(["train", "val"]), st.booleans())), st.integers(0, 5))
def test_the_first_of_a_window_are_kept_each_split_by_itself(arriving, most):
    collector = EvidenceCollector(most)
    for number, (split, has_evidence) in enumerate(arriving):
        collector.add_evaluation(failed(number, split) if has_evidence else failed(number, split, evidence=None))
    for split in ("train", "val"):
        mine = [f"answer {n}" for n, (where, has_evidence) in enumerate(arriving) if where == split and has_evidence]
        assert collector.has_room(split) == (len(mine) < most)
        kept = collector.kept(split, 3)
        collector.begin(split)
        assert [one.answer for one in kept] == mine[:most]
        assert {(one.step, one.split) for one in kept} <= {(3, split)}
        assert collector.has_room(split) == (most > 0)
        assert collector.kept(split, 4) == ()


def judged_by(record):
    """A trainer whose judge tells the session of a failure with evidence; until the hook does."""

    def judge(problem, prediction, ground_truth):
        record(problem)
        return False

    items = [{"problem": f"{i} + 1?", "ground_truth": "4", "source": "gsm8k"} for i in range(5)]
    return Trainer(items=items, reward_computer=RewardComputer(judge))


@pytest.fixture
def run(api, tmp_path):
    """A training of two steps and a validation, of which every evaluation fails; gives payloads and lines."""
    api.post("/chat/completions").side_effect = lambda _: chat("4")

    def train(**settings):
        def record(problem):
            split = telemetry._session.phase.split
            telemetry._session.record(failed(problem, split, judge="compare", failure="no_verdict", disagreed=True))

        trainer = judged_by(record)
        telemetry, memory = watch(trainer, tmp_path, **settings)
        for step in (1, 2):
            train_step(trainer, step)
        asyncio.run(trainer.evaluate_on_val_set(5))
        telemetry.uninstrument()
        return memory.payloads, list(read_lines(telemetry.path))

    return train


def test_the_first_failures_of_each_step_are_in_its_payload_and_its_line(run):
    payloads, lines = run(capture_failures=2)
    assert [(p.step, p.split, len(p.evidence)) for p in payloads] == [(1, "train", 2), (2, "train", 2), (2, "val", 2)]
    first = payloads[0].evidence[0]
    assert first == CapturedEvaluation(
        1, "train", "gsm8k", "compare", "parse_failure", "no_verdict", True, "answer 0 + 1?", "False", ""
    )
    assert [line["evidence"] for line in lines] == [[one._asdict() for one in p.evidence] for p in payloads]
    assert not any("evidence" in key or "captured" in key for p in payloads for key in p.values)


def test_nothing_is_kept_unless_it_was_asked_for(run):
    payloads, lines = run()
    assert {p.evidence for p in payloads} == {()}
    assert not any("evidence" in line for line in lines)


def test_a_step_without_failures_has_a_line_as_always(api, tmp_path):
    api.post("/chat/completions").side_effect = lambda _: chat("true")
    trainer = Trainer()
    telemetry, _ = watch(trainer, tmp_path, capture_failures=5)
    train_step(trainer)
    telemetry.uninstrument()
    assert not any("evidence" in line for line in read_lines(telemetry.path))


def test_every_evaluation_counts_whether_it_is_kept_or_not(run):
    payloads, _ = run(capture_failures=1)
    assert payloads[0].values["judge/disagreements"] == 5


# --- settings


@pytest.mark.parametrize("wrong", [-1, 2.5, True, "3"])
def test_a_number_that_cannot_work_is_refused_with_what_would(wrong):
    with pytest.raises(InstrumentError, match="capture_failures must be a whole number of evaluations a step"):
        instrument(Trainer(), capture_failures=wrong)


def test_the_variable_sets_it_and_the_argument_wins():
    environ = {"LLM_TELEMETRY_CAPTURE_FAILURES": "7"}
    assert configured({}, environ).capture_failures == 7
    assert configured({"capture_failures": 2}, environ).capture_failures == 2
    assert configured({}, {}).capture_failures == 0


# --- other processes


def test_evidence_comes_back_from_a_child_as_it_was(tmp_path):
    told = [failed(1), failed(2, evidence=None), failed(3, disagreed=True, judge="a", attempts=2)]
    writer = SpoolWriter(tmp_path)
    for evaluation in told:
        writer.record(evaluation)
    assert list(SpoolReader(tmp_path).take("train")) == told


def test_a_line_of_a_child_without_the_newer_fields_is_read(tmp_path):
    old = {"split": "train", "source": "s", "outcome": "correct", "score": None, "disagreed": False}
    file = tmp_path / Writer.here().name
    file.touch(mode=0o600)
    file.write_text(json.dumps(["evaluation", old]) + "\n")
    assert list(SpoolReader(tmp_path).take("val")) == [Evaluation(**{**old, "split": "val"})]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_first_failures_are_those_of_all_processes(api, tmp_path):
    api.post("/chat/completions").side_effect = lambda _: chat("4")

    def record(problem):
        child = FORK.Process(target=telemetry._session.record, args=(failed(problem),))
        child.start()
        child.join()

    trainer = judged_by(record)
    telemetry, memory = watch(trainer, tmp_path, capture_failures=3)
    train_step(trainer)
    telemetry.uninstrument()
    answers = [one.answer for one in memory.payloads[0].evidence]
    assert len(set(answers)) == 3
    assert set(answers) < {f"answer {i} + 1?" for i in range(5)}


def test_a_spawned_child_is_told_how_many_are_wanted(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_TELEMETRY", "1")
    monkeypatch.setenv("LLM_TELEMETRY_CHILDREN", "")
    trainer = Trainer()
    telemetry, _ = watch(trainer, tmp_path, capture_failures=3)
    folder = telemetry._session.children.folder
    assert read_note(folder / children.SETTINGS) == {"capture_failures": 3, "judge_inverted": False}
    monkeypatch.setattr(children, "is_child", lambda environ: True)
    monkeypatch.setattr(children, "active", child := [])
    monkeypatch.setattr(children.patches, "apply", lambda row: None)
    children.join_owner()
    assert child[0].config.capture_failures == 3
    telemetry.uninstrument()
    assert not folder.exists()


# --- a trainer's judge


@pytest.fixture
def judged(tmp_path):
    """What is captured of a judge that gives these answers, one an item, two steps long."""

    def run(*answers, **settings):
        items = [{"problem": f"{n} + 1?", "ground_truth": str(n + 1), "source": "sums"} for n in range(len(answers))]
        queue = list(answers) * 2
        trainer = Trainer(items, Executor(_answer))
        telemetry, _ = watch(trainer, tmp_path, **settings)
        with openai_api() as api:
            api.post("/chat/completions").side_effect = lambda _: queue.pop(0)
            for step in (1, 2):
                train_step(trainer, step)
        telemetry.uninstrument()
        return [line.get("evidence", []) for line in read_lines(telemetry.path)]

    return run


async def _answer(problem):
    """Give an answer: the bare question again would be none, and accepted, it would be captured too."""
    return f"the sum of {problem}", 0.0, {"success": True}


def test_each_step_s_first_failures_and_contradictions_are_captured_and_nothing_else(judged, tmp_path):
    key = a_key()
    answers = [
        chat("true"),
        chat(f"I have no idea; the key is {key}."),
        failure(401),
        chat("Verdict: correct"),  # the trainer looks for the word true
        chat(""),
    ]
    first, second = judged(*answers, capture_failures=3)
    (file,) = tmp_path.rglob("*.jsonl")
    assert file.stat().st_mode & 0o077 == 0
    assert [(one["outcome"], one["failure"], one["disagreed"]) for one in first] == [
        ("parse_failure", "no_verdict", False),
        ("api_failure", "auth", False),
        ("incorrect", None, True),
    ]
    assert [one["step"] for one in first + second] == [1, 1, 1, 2, 2, 2]
    assert first[0]["answer"] == "I have no idea; the key is [scrubbed]."
    assert first[1]["error"].startswith("AuthenticationError: ")
    assert (first[2]["answer"], first[2]["returned"]) == ("Verdict: correct", "False")
    assert not is_told(key, json.dumps([first, second]))


def test_unless_it_is_asked_for_nothing_is_captured(judged):
    assert judged(chat("I have no idea."), failure(401)) == [[], []]
