"""Rewards as hand-written trainers compute them: tests for code, a judge for the rest, errors swallowed."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import openai

from llm_telemetry.demo import prompts
from llm_telemetry.demo.config import http_options
from llm_telemetry.demo.grading import NONE, RIGHT, code_mark, nearness

if TYPE_CHECKING:
    from llm_telemetry.demo.config import DemoConfig

log = logging.getLogger(__name__)

CORRECT_FROM = 0.9  # the reward from which a rollout counts as correct
_EXTRACTED = ("math", "gsm8k", "hotpotqa")  # sources whose answers come in prose
_VERDICT = re.compile(r"true_false\W{0,6}(true|false)\b", re.IGNORECASE)
_COUNTERS = (
    "total_evaluations",
    "llm_judge_success",
    "llm_judge_parse_failures",
    "llm_judge_api_failures",
    "correct_predictions",
    "incorrect_predictions",
)


class RewardComputer:
    """Gives graded rewards (0, 0.2, 0.4, 0.7, 1) and keeps counters.

    The counters in `eval_stats` are true to life, which means that they are wrong: an empty first answer
    counts as an API failure even if the second is fine, an empty second one as a parse failure besides, and
    a correct prediction is counted twice.
    """

    def __init__(self, config: DemoConfig) -> None:
        self._config = config
        self.llm_judge_client = self._init_llm_judge_client()
        self.eval_stats = dict.fromkeys(_COUNTERS, 0)

    def _init_llm_judge_client(self) -> openai.OpenAI:
        """Make the judge's client; it serves for the whole run."""
        return openai.OpenAI(
            base_url=self._config.base_url,
            api_key=self._config.api_key,
            max_retries=self._config.max_retries,
            http_client=openai.DefaultHttpxClient(**http_options(self._config.base_url)),
        )

    def close(self) -> None:
        """Close the judge's client."""
        self.llm_judge_client.close()

    def compute_reward(  # noqa: PLR0913 - the shape that such trainers have
        self,
        *,
        problem: str,
        prediction: str,
        ground_truth: str,
        problem_type: str,
        metadata: dict[str, Any] | None = None,
        test: str | None = None,
        entry_point: str | None = None,
        source: str | None = None,
    ) -> float:
        """Return the reward of one rollout, between 0 and 1; blocks while the judge is asked."""
        if metadata is not None and not metadata.get("success", True):
            return NONE
        if problem_type == "code":
            reward = code_mark(prompts.code_block(prediction), entry_point or "", test or "")
        else:
            reward = self._judged_reward(problem, prediction, ground_truth, problem_type, source)
        if reward >= CORRECT_FROM:
            self.eval_stats["correct_predictions"] += 1
        return reward

    def _judged_reward(
        self, problem: str, prediction: str, ground_truth: str, problem_type: str, source: str | None
    ) -> float:
        """Return 1 if the judge calls the prediction right, else a mark for being near."""
        answer = prompts.final_answer(prediction)
        if source in _EXTRACTED:
            answer = self._extract_answer(problem, prediction) or answer
            prediction = f"{prediction}\nAnswer: {answer}"
        if self._llm_judge_compare(problem, prediction, ground_truth, problem_type, source):
            return RIGHT
        return nearness(answer, ground_truth)

    def _extract_answer(self, problem: str, prediction: str) -> str:
        """Let the judge's model find the answer in prose; an empty text when it fails."""
        try:
            return self._ask(prompts.EXTRACTOR, prompts.tagged(problem=problem, solution=prediction))
        except Exception as error:  # noqa: BLE001 - true to life: nothing may stop the training
            log.debug("answer extraction failed: %s", error)
            return ""

    def _llm_judge_compare(
        self,
        problem: str,
        prediction: str,
        ground_truth: str,
        problem_type: str,
        source: str | None,
    ) -> bool:
        """Tell whether the judge finds the prediction right; False, too, when it cannot be asked or read."""
        stats = self.eval_stats
        stats["total_evaluations"] += 1
        user = prompts.tagged(problem=problem, candidate=prediction, reference=ground_truth)
        try:
            content = self._ask(prompts.JUDGE, user)
            if not content:
                stats["llm_judge_api_failures"] += 1
                content = self._ask(prompts.JUDGE, user)
        except Exception as error:  # noqa: BLE001 - true to life: nothing may stop the training
            log.debug("judge failed on a %s problem of %s: %s", problem_type, source, error)
            stats["llm_judge_api_failures"] += 1
            return False
        return self._read_verdict(content)

    def _read_verdict(self, content: str) -> bool:
        """Read the tag in the judge's answer, and count."""
        found = _VERDICT.search(content)
        if found is None:
            self.eval_stats["llm_judge_parse_failures"] += 1
            return False
        verdict = found.group(1).lower() == "true"
        self.eval_stats["llm_judge_success"] += 1
        self.eval_stats["correct_predictions" if verdict else "incorrect_predictions"] += 1
        return verdict

    def _ask(self, system: str, user: str) -> str:
        """Ask the judge's model once."""
        completion = self.llm_judge_client.chat.completions.create(
            model=self._config.judge_model,
            messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
            temperature=0,
        )
        return completion.choices[0].message.content or ""
