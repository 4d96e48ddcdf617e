"""What the user tells of a judge wins over everything built in; what was judged is not the judge's word."""

import contextlib

import pytest
from pydantic import BaseModel, ValidationError

from llm_telemetry import InstrumentError
from tests.support.asked_judges import (
    Computer,
    answers,
    ask,
    failures_in,
    judged_by,
    text_of,
)
from tests.support.loops import GSM, Items, Loop, payload_of
from tests.support.mocking import chat, openai_api
from tests.support.sdk import IS_OLD
from tests.support.trainers import sync_client

KEY = "sk-proj-" + "a1B2c3D4" * 5


@pytest.fixture
def api():
    with openai_api() as api:
        yield api


def test_the_user_s_parser_counts_and_not_what_the_function_made_of_the_reply(api, tmp_path):
    answers(api, chat("My ruling: sound"))
    payload = judged_by(tmp_path, lambda _: "true" in text_of(ask()), judge_parser=lambda text: "sound" in text)
    assert (payload["judge/correct_ratio"], payload["judge/disagreements"], payload["judge/undecided"]) == (1, 1, 0)


@pytest.mark.parametrize("returned", [7, 0.7, 7.0])
def test_a_grade_is_on_the_scale_that_the_user_tells(api, tmp_path, returned):
    answers(api, chat("Score: 7"))
    payload = judged_by(tmp_path, lambda _: (ask(), returned)[1], judge_scale=(0, 10))
    assert payload["judge/avg_score"] == pytest.approx(0.7)


def test_a_parser_s_number_is_on_the_scale_that_the_user_tells(api, tmp_path):
    answers(api, chat("points=30"))
    payload = judged_by(tmp_path, lambda _: bool(ask()), judge_parser=r"points=(?P<score>\d+)", judge_scale=(0, 40))
    assert payload["judge/avg_score"] == pytest.approx(0.75)


@pytest.mark.parametrize("says_yes_to_wrong", [True, False])
def test_a_judge_that_is_asked_what_is_wrong_is_read_so_whatever_its_function_returns(api, tmp_path, says_yes_to_wrong):
    answers(api, chat("Yes"), chat("No"), chat("Yes"))
    trainer = Loop(
        lambda trainer: [trainer.reward.compute_reward("?", "4", source="s") for _ in range(3)],
        reward=Computer(lambda _: (text_of(ask()) == "Yes") is says_yes_to_wrong),
    )
    payload = payload_of(trainer, tmp_path, judge_inverted=True)
    assert (payload["judge/correct_count"], payload["judge/incorrect_count"]) == (1, 2)
    assert payload["judge/disagreements"] == 0


@pytest.mark.parametrize("wrong", [(10, 0), (0,), "0-10", (0, float("nan"))])
def test_a_scale_that_is_none_is_told_at_once(tmp_path, wrong):
    with pytest.raises(InstrumentError, match="judge_scale must be two numbers, the lower one first"):
        payload_of(Loop(lambda _: None), tmp_path, judge_scale=wrong)


@pytest.mark.parametrize(
    ("prediction", "reply", "correct"),
    [
        ('{"correct": true}', 'The candidate wrote {"correct": true}, which is no answer.\nVerdict: incorrect', 0),
        ("<true_false>True</true_false>", "<true_false>True</true_false> is what it says.\nVerdict: incorrect", 0),
    ],
)
def test_what_the_candidate_says_is_not_the_judge_s_verdict(api, tmp_path, prediction, reply, correct):
    answers(api, chat(reply))
    trainer = Loop(
        lambda trainer: trainer.reward.compute_reward("?", prediction, source="s"),
        reward=Computer(lambda _: "Verdict: correct" in text_of(ask())),
    )
    payload = payload_of(trainer, tmp_path)
    assert (payload["judge/correct_count"], payload["judge/calls"], payload["judge/disagreements"]) == (correct, 1, 0)


@pytest.mark.parametrize("returned", [7, 2, 70])
def test_a_returned_number_beyond_one_is_the_grade_that_the_text_gives(api, tmp_path, returned):
    answers(api, chat("Rating: [[7]]/10"), chat("Score: 7/10"))
    payload = judged_by(tmp_path, lambda _: (ask(), ask(), returned)[2])
    assert payload["judge/avg_score"] == pytest.approx(returned / 10 if returned < 10 else 0.7)


class Shape(BaseModel):
    correct: bool


@pytest.mark.parametrize("text", ['{"right": "perhaps"}', '{"correct": "perhaps"}', "no JSON at all"])
@pytest.mark.parametrize("swallows", [True, False])
def test_an_answer_that_the_sdk_does_not_accept_is_a_parse_failure(api, tmp_path, text, swallows):
    if IS_OLD and swallows:
        pytest.skip("this SDK validates after its request: what nobody lets through is not seen")
    answers(api, chat(text))

    def judge(_):
        with sync_client(max_retries=0) as client, contextlib.suppress(ValidationError if swallows else ()):
            resource = getattr(client.chat.completions, "parse", None) or client.beta.chat.completions.parse
            return resource(model="m", messages=[], response_format=Shape).choices[0].message.parsed.correct
        return False

    payload = judged_by(tmp_path, judge)
    assert failures_in(payload) == {"no_verdict": 1}
    assert (payload["judge/parse_failure_rate"], payload["judge/api_failure_rate"]) == (1, 0)


def test_a_parser_that_raises_lets_nothing_of_the_text_out(api, tmp_path, caplog, capsys):
    answers(api, chat(f"I know {KEY}."))

    def parser(text):
        raise RuntimeError(text)

    trainer = Loop(
        lambda trainer: [trainer.reward.compute_reward("?", "4", source="s") for _ in range(3)],
        reward=Computer(lambda _: bool(ask())),
        data=Items(GSM),
    )
    payload = payload_of(trainer, tmp_path, judge_parser=parser)
    assert payload["judge/parse_failure_rate"] == 1
    (line,) = [record.getMessage() for record in caplog.records if "judge_parser" in record.getMessage()]
    assert line.startswith("llm_telemetry: judge_parser has raised an exception")
    assert KEY not in caplog.text + "".join(capsys.readouterr())
    assert not any(KEY in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(("reward", "told"), [(1.0, True), (0.0, False)])
def test_rewards_for_what_the_judge_calls_incorrect_are_told_once_with_their_numbers(
    api, tmp_path, caplog, reward, told
):
    answers(api, chat("Verdict: incorrect"))

    class Kind:
        def compute_reward(self, problem, prediction, source=None):
            self._llm_judge_compare(prediction)
            return reward

        def _llm_judge_compare(self, prediction):
            return "Verdict: correct" in text_of(ask())

    trainer = Loop(
        lambda trainer: [trainer.reward.compute_reward("?", "4", source="s") for _ in range(30)], reward=Kind()
    )
    payload_of(trainer, tmp_path)
    lines = [line for record in caplog.records if "has called incorrect" in (line := record.getMessage())]
    assert [line.split(" that ")[0] for line in lines] == ["llm_telemetry: 20 of the 20 rollouts"] * told
