from __future__ import annotations

import pytest

from llm_telemetry.demo.data import SOURCES, DataManager, items_by_problem, load_items
from llm_telemetry.demo.grading import passed_share
from llm_telemetry.demo.prompts import final_answer, normalised

SPLITS = ("train", "val")
ALL = [item for split in SPLITS for source in SOURCES for item in load_items(source, split)]


def test_there_are_six_sources_of_thirty_items_with_unique_problems():
    assert tuple(SOURCES) == ("gsm8k", "math", "hotpotqa", "humaneval", "commonsenseqa", "mmlu")
    assert len(ALL) == 180
    assert len(items_by_problem()) == 180


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_has_more_items_to_train_on_than_to_validate_with(source):
    assert len(load_items(source, "train")) == 22
    assert len(load_items(source, "val")) == 8


def test_every_item_has_the_fields_of_its_type():
    for item in ALL:
        assert item["source"] in SOURCES
        assert item["problem_type"] in ("math", "qa", "code")
        assert isinstance(item["ground_truth"], str)
        assert item["ground_truth"]
        assert ("test" in item) == ("entry_point" in item) == (item["problem_type"] == "code")


def test_no_distractor_is_an_answer_and_no_answer_is_mangled_by_a_prompt():
    for item in ALL:
        if item["problem_type"] != "code":
            wrong = [normalised(text) for text in item["distractors"]]
            assert len(wrong) >= 3
            assert normalised(item["ground_truth"]) not in wrong
            assert final_answer(f"Some steps.\nAnswer: {item['ground_truth']}") == item["ground_truth"]


def test_choices_contain_the_answer_and_all_distractors():
    for source in ("commonsenseqa", "mmlu"):
        for item in load_items(source, "train"):
            choices = item["problem"].split("Choices: ")[1].split("; ")
            assert sorted(choices) == sorted([item["ground_truth"], *item["distractors"]])


def test_right_programs_pass_all_their_tests_and_buggy_ones_some():
    for split in SPLITS:
        for item in load_items("humaneval", split):
            assert passed_share(item["ground_truth"], item["entry_point"], item["test"]) == 1
            assert 0 < passed_share(item["distractors"][0], item["entry_point"], item["test"]) < 1


def test_a_batch_takes_the_sources_in_turn():
    batch = DataManager(seed=1).sample_batch(8, "train")
    assert [item["source"] for item in batch] == [*SOURCES, *list(SOURCES)[:2]]


def test_batches_depend_on_the_seed_alone_and_items_are_not_shared():
    first, again, other = (DataManager(seed).sample_batch(24, "train") for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first[0] is not again[0]


def test_every_training_item_comes_once_before_any_comes_again():
    batch = DataManager(seed=3).sample_batch(22 * 6, "train")
    assert len({item["problem"] for item in batch}) == 22 * 6


def test_validation_starts_at_the_same_items_each_time():
    manager = DataManager(seed=1)
    assert manager.sample_batch(12, "val") == manager.sample_batch(12, "val")
