from __future__ import annotations

import pytest

from llm_telemetry.demo import grading
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.data import load_items
from llm_telemetry.demo.reward import RewardComputer
from llm_telemetry.testing import Faults

QUESTION = load_items("mmlu", "train")[0]
SUM = load_items("gsm8k", "train")[0]
PROGRAM = load_items("humaneval", "train")[0]


@pytest.fixture
def computer(serve):
    made = []

    def make(**parts):
        server = serve(**parts)
        made.append(RewardComputer(DemoConfig(base_url=server.base_url)))
        return made[-1], server.books

    yield make
    for one in made:
        one.close()


def reward(computer, item, prediction, **extra):
    keys = ("problem", "ground_truth", "problem_type", "source")
    fields = {key: item[key] for key in keys}
    fields |= {key: item.get(key) for key in ("test", "entry_point")}
    fields |= {"metadata": {"success": True}} | extra
    return computer.compute_reward(prediction=prediction, **fields)


def test_what_the_judge_finds_right_gets_1_and_is_counted_twice_as_in_real_life(computer):
    one, books = computer()
    assert reward(one, QUESTION, f"Answer: {QUESTION['ground_truth']}") == 1.0
    assert one.eval_stats["correct_predictions"] == 2
    assert one.eval_stats["total_evaluations"] == 1
    assert books.outcomes(kind="judge", source="mmlu", split="train") == {"correct": 1}


def test_sums_are_first_extracted_from_prose_by_the_judges_client(computer):
    one, books = computer()
    assert reward(one, SUM, f"Some steps, which makes it {SUM['ground_truth']}.") == 1.0
    assert [entry.marks["kind"] for entry in books] == ["extractor", "judge"]
    assert books.calls(role="judge") == 2


def test_an_empty_first_answer_is_asked_again_and_counted_as_failure_as_in_real_life(computer):
    one, books = computer(judge=Faults(empty=1.0))
    assert reward(one, QUESTION, f"Answer: {QUESTION['ground_truth']}") == 1.0
    assert (one.eval_stats["llm_judge_api_failures"], one.eval_stats["llm_judge_success"]) == (1, 1)
    assert books.outcomes(kind="judge") == {"correct": 1}


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ({"judge": Faults(exhausted=1.0)}, "api_failure"),
        ({"judge": Faults(empty=1.0, empty_again=1.0)}, "api_failure"),
        ({"judge": Faults(refusal=1.0, empty_again=1.0)}, "api_failure"),
        ({"judge": Faults(truncated=1.0)}, "parse_failure"),
        ({"judge": Faults(unreadable=1.0)}, "parse_failure"),
        ({"foreign": 1.0}, "correct"),
    ],
)
def test_a_judge_that_fails_makes_a_right_answer_nearly_right_and_nothing_is_raised(computer, parts, outcome):
    one, books = computer(**parts)
    assert reward(one, QUESTION, f"Answer: {QUESTION['ground_truth']}") == 0.7
    assert books.outcomes(kind="judge") == {outcome: 1}


def test_an_extraction_that_fails_leaves_the_answer_as_it_was_found(computer):
    one, books = computer(judge=Faults(exhausted=1.0), extractor=Faults(exhausted=1.0))
    assert reward(one, SUM, f"Answer: {SUM['ground_truth']}") == 0.7
    assert books.calls(kind="extractor") == books.calls(kind="judge") == 1


def test_programs_are_graded_by_their_tests_and_no_judge_is_asked(computer):
    one, books = computer()
    assert reward(one, PROGRAM, f"```python\n{PROGRAM['ground_truth']}```") == 1.0
    assert reward(one, PROGRAM, PROGRAM["distractors"][0]) == 0.7
    assert reward(one, PROGRAM, "I do not know.") == 0.0
    assert len(books) == 0


def test_a_failed_workflow_gets_nothing(computer):
    one, _ = computer()
    assert reward(one, SUM, "", metadata={"success": False}) == 0.0


@pytest.mark.parametrize(
    ("answer", "truth", "mark"),
    [
        ("12", "12", 0.7),
        ("12.5", "12", 0.4),
        ("99", "12", 0.2),
        ("twelve", "12", 0.0),
        ("the Blue Whale", "blue whale", 0.4),
        ("a blue and white thing of the sea", "white great shark", 0.2),
        ("cat", "dog", 0.0),
    ],
)
def test_wrong_answers_get_a_mark_for_being_near(answer, truth, mark):
    assert grading.nearness(answer, truth) == mark


@pytest.mark.parametrize(
    "code",
    [
        "import os\ndef f(): return 1",
        "def f():\n while True: pass",
        "def f(): return ().__class__",
        "def f(): return __import__('os')",
        "def f(): return open('x')",
        "f = 1",
        "def f(:",
        "def f(): raise ValueError",
    ],
)
def test_code_that_leaves_the_fence_or_breaks_passes_no_test(code):
    assert grading.passed_share(code, "f", "assert candidate() == 1") == 0


@pytest.mark.parametrize(("passed", "mark"), [(4, 1.0), (3, 0.7), (2, 0.4), (1, 0.2), (0, 0.0)])
def test_a_program_is_marked_by_the_tests_that_it_passes(passed, mark):
    tests = "\n".join(f"assert candidate() == {1 if i < passed else 2}" for i in range(4))
    assert grading.code_mark("def f(): return 1", "f", tests) == mark
