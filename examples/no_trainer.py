"""Best-of-n without a trainer: functions, and a loop. The five lines with a mark are all that watches it.

Run: `OPENAI_BASE_URL=http://… OPENAI_API_KEY=… python examples/no_trainer.py --steps 2`. The endpoint may be any that
is compatible with OpenAI's, such as vLLM's.
"""

from __future__ import annotations

import argparse

import openai

from llm_telemetry import instrument  # 1

ITEMS = (
    {"source": "sums", "question": "What is 2 + 2?", "truth": "4"},
    {"source": "capitals", "question": "What is the capital of France?", "truth": "Paris"},
)
CANDIDATES = 2
client = openai.OpenAI()


def ask(prompt: str) -> str:
    """Return the model's answer."""
    reply = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}])
    return reply.choices[0].message.content or ""


def is_right(question: str, answer: str, truth: str) -> bool:
    """Let the model judge an answer."""
    return ask(f"{question}\nAnswer: {answer}\nReference: {truth}\nIs the answer right, yes or no?").startswith("Yes")


def main(steps: int) -> None:
    """Ask each question a few times in every step, and judge each answer."""
    telemetry = instrument(judge=is_right)  # 2
    for step in range(1, steps + 1):
        rewards = []
        with telemetry.step(step):  # 3
            for item in ITEMS * CANDIDATES:
                question = item["question"]
                with telemetry.rollout(source=item["source"], group=question) as rollout:  # 4
                    answer = ask(question)
                    rewards.append(1.0 if is_right(question, answer, item["truth"]) else 0.0)
                    rollout.rewarded(rewards[-1])  # 5
        print(f"step {step}: {sum(rewards):.0f} of {len(rewards)} are right")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Judge answers without a trainer.")
    parser.add_argument("--steps", type=int, default=2, help="steps (default: 2)")
    main(parser.parse_args().steps)
