"""What comes with a call is in no file and no line of the log, unless its user has asked for texts."""

import logging

import pytest

from llm_telemetry import guard
from tests.support.mocking import chat, openai_api
from tests.support.trainers import sync_client, watch

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD"
WORDS = "the candidate lives at 12 Rose Lane"


class Rewards:
    def compute_reward(self, problem, answer):
        return float(self.llm_judge(problem, answer))

    def llm_judge(self, problem, answer):
        messages = [{"role": "user", "content": f"{problem} {answer}"}]
        with sync_client() as client:
            reply = client.chat.completions.create(model=KEY, messages=messages)
        return "yes" in reply.choices[0].message.content


class Trainer:
    def __init__(self):
        self.reward_computer = Rewards()

    def train_step(self, step):
        return self.reward_computer.compute_reward("Who?", "Somebody.")


def unfit(text):
    raise RuntimeError(f"no verdict in {text}")


@pytest.mark.parametrize("settings", [{}, {"judge_parser": unfit}], ids=["by default", "a parser that raises"])
def test_texts_and_a_key_that_is_used_as_a_model_s_name_are_nowhere(tmp_path, caplog, monkeypatch, settings):
    monkeypatch.setattr(guard.failures, "strict", False)
    caplog.set_level(logging.DEBUG, logger="llm_telemetry")
    trainer = Trainer()
    with openai_api() as api:
        api.post("/chat/completions").mock(chat(f"{WORDS}, {KEY}"))
        telemetry, memory = watch(trainer, tmp_path, strict=False, **settings)
        trainer.train_step(1)
        telemetry.uninstrument()
    assert memory.last["judge/calls"] == 1
    written = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    for text in (*written, caplog.text, str(memory.last)):
        assert KEY not in text
        assert "Rose Lane" not in text
