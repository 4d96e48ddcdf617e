"""What a failed evaluation looked like is kept where that was asked for: the first of a step, cut, without secrets."""

import asyncio
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
from llm_telemetry.processes import children
from llm_telemetry.session.folders import read_note
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.session.writers import Writer
from llm_telemetry.settings.variables import configured
from llm_telemetry.sinks.jsonl import read_lines
from tests.support.mocking import chat, failure, openai_api
from tests.support.trainers import Executor, RewardComputer, Trainer, train_step, watch

FORK = multiprocessing.get_context("fork")
LETTERS = string.ascii_letters + string.digits


def a_key(length=48, seed=0):
    """Nobody's key."""
    dice = random.Random(seed)
    return "sk-" + "A7" + "".join(dice.choice(LETTERS) for _ in range(length))


def is_told(key, text):
    return any(key[i : i + 8] in text for i in range(5, len(key) - 7))


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
    old = {"source": "s", "outcome": "correct", "score": None, "disagreed": False}
    file = tmp_path / Writer.here().name
    file.touch(mode=0o600)
    file.write_text(json.dumps(["evaluation", old]) + "\n")
    assert list(SpoolReader(tmp_path).take("val")) == [Evaluation("val", **old)]


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
