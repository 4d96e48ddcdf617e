"""The table of shapes: each program, the one line for it, and what must be known of it, exactly."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).parent / "programs"
ALL, RIGHT = {"gsm8k": 8, "math": 8}, {"gsm8k": 6, "math": 2}
"""Rollouts of both steps, one for each item, and those of them that are right."""
ONCE, RIGHT_ONCE = {"gsm8k": 4, "math": 4}, {"gsm8k": 3, "math": 1}
"""The same of one step."""


def times(number, counts):
    """Return the counts of so many samples of each item."""
    return {source: number * count for source, count in counts.items()}


@dataclass(frozen=True)
class Shape:
    """One row."""

    program: str
    settings: dict[str, Any] = field(default_factory=dict)
    """Of `instrument()`, and as variables in a process of its own."""
    rollouts: dict[str, int] = field(default_factory=lambda: ALL)
    right: dict[str, int | None] = field(default_factory=lambda: RIGHT)
    """`None` where it is not known."""
    val: dict[str, int] = field(default_factory=dict)
    val_right: dict[str, int] = field(default_factory=dict)
    eval: dict[str, int] = field(default_factory=dict)
    eval_right: dict[str, int] = field(default_factory=dict)
    passed: dict[int, float] = field(default_factory=dict)
    """`eval/pass@k`."""
    payloads: int | None = None
    """How many there are where it runs by itself, if it is the program that says when a step ends."""
    failed: int = 0
    unscored: int = 0
    unmatched: int = 0
    says: str = ""
    """What is told, once."""
    lost: str = ""
    """What is not known beside sources, in words, for the page."""
    trainer: str = "Trainer"
    """Its class; empty for a script of functions."""
    role: str = "executor"
    """Of the model's calls."""
    variables: dict[str, str] | None = None
    """What is set in a process of its own, where that is not the settings."""
    alone: bool = True
    """Whether it also runs by itself, with `LLM_TELEMETRY=1`."""

    def made(self) -> tuple[Any, Any, list[Any]]:
        """Make the program's trainer; return what trains it, itself, and what is to be watched: there may be two.

        A script of functions is its own trainer.
        """
        module = importlib.import_module(f"tests.shapes.programs.{self.program}")
        if not self.trainer:
            return module.main, module, [module]
        trainer = getattr(module, self.trainer)()
        return module.train, trainer, getattr(trainer, "both", [trainer])

    @property
    def seen(self) -> str:
        """What the program is, in its own words."""
        source = (PROGRAMS / f"{self.program}.py").read_text(encoding="utf-8")
        return ast.get_docstring(ast.parse(source)) or ""

    @property
    def unknown(self) -> str:
        """What is not known, and how it is told."""
        told = f"{self.lost}; the log says “{self.says} …”" if self.says else self.lost
        sources = "where items come from: their source is `unknown`" if "unknown" in self.rollouts else ""
        return "; ".join(filter(None, (told, sources))) or "nothing"

    @property
    def line(self) -> str:
        """The one line for it."""
        given = "".join(f", {name}={_written(value)}" for name, value in self.settings.items())
        return f"instrument({'trainer' if self.trainer else 'sys.modules[__name__]'}{given})"


def _written(value):
    return "lambda reward: reward >= 8" if callable(value) else repr(value).replace("'", '"')


NO_ACCURACY = {"gsm8k": None, "math": None}
SHAPES = [
    Shape("hand_written"),
    Shape("one_by_one", rollouts={"unknown": 48}, right={"unknown": 24}),
    Shape("sources_unknown", rollouts={"unknown": 16}, right={"unknown": 8}),
    Shape("batch_executor"),
    Shape("columns"),
    Shape("samples_of_one_call", rollouts={"unknown": 64}, right={"unknown": 32}),
    Shape("trajectories"),
    Shape("answers_only"),
    Shape(
        "nothing_told",
        right=NO_ACCURACY,
        unscored=16,
        unmatched=16,
        says="a reward could not be given to a rollout",
        lost="whose each reward is: counted as unmatched, its rollouts as unscored",
    ),
    Shape("nothing_told_of_one_source", rollouts={"gsm8k": 8}, right={"gsm8k": 6}),
    Shape("verl_like", {"executor": "actor_rollout_wg.generate_sequences"}, trainer="RayPPOTrainer"),
    Shape("roll_like", {"executor": "infer.generate_sequences"}, trainer="Pipeline"),
    Shape("openrlhf_like", {"reward": "get_reward"}, rollouts={"unknown": 16}, right={"unknown": 8}),
    Shape("function_on_attribute", {"executor": "rollout"}),
    Shape("trl_like", rollouts=times(2, ALL), right=times(2, RIGHT), role="other"),
    Shape("judge_pool"),
    Shape(
        "group_judge", {"executor": "rollout", "reward": "score_group"}, rollouts=times(4, ALL), right=times(4, RIGHT)
    ),
    Shape("pairwise", rollouts={"unknown": 32}, right={"unknown": 16}),
    Shape("cached_judge"),
    Shape("tried_again", rollouts={"unknown": 16}, right={"unknown": 8}),
    Shape("failures", rollouts={"unknown": 16}, right={"unknown": 2}, failed=8),
    Shape("reward_as_text"),
    Shape("reward_in_tuple"),
    Shape("reward_in_parts"),
    Shape(
        "reward_for_each_criterion",
        right=NO_ACCURACY,
        unscored=16,
        says="the reward function returned a list of 2 (float)",
        lost="what the numbers come to: the rollouts are unscored",
    ),
    Shape("graded", {"threshold": lambda reward: reward >= 8}, alone=False),
    Shape(
        "graded",
        rollouts=ALL,
        right=ALL,
        says="rewards from 3 to 9 were seen, and 0.9 is enough to be correct",
        lost="the scale, until `threshold` says it: all are correct, and that is told",
    ),
    Shape("tensors", {"reward": "reward_model"}),
    Shape(
        "no_reward",
        right=NO_ACCURACY,
        unscored=16,
        says="no reward computer found",
        lost="rewards: the rollouts are unscored",
    ),
    Shape("no_executor", rollouts=times(2, ALL), right=times(2, RIGHT), role="other"),
    Shape("validation", val={"gsm8k": 8, "math": 4}, val_right={"gsm8k": 6, "math": 2}),
    Shape(
        "named_parts",
        {"step": "season", "executor": "playground.play", "reward": "oracle.weigh"},
        rollouts={"unknown": 16},
        right={"unknown": 8},
        trainer="Gardener",
        variables={"trainer": "__main__:Gardener.season", "executor": "playground.play", "reward": "oracle.weigh"},
    ),
    Shape("loop_in_main", trainer="", role="other", payloads=2),
    Shape("plain_functions", trainer="", payloads=2),
    Shape("evaluation", trainer="", rollouts={}, right={}, eval=ONCE, eval_right=RIGHT_ONCE),
    Shape(
        "best_of_n",
        trainer="",
        role="other",
        rollouts={},
        right={},
        eval=times(4, ONCE),
        eval_right=times(4, RIGHT_ONCE),
        passed={1: 0.5, 2: 0.5, 4: 0.5},
    ),
    Shape("cached_without_executor", rollouts=times(2, ALL), right=times(2, RIGHT), role="other"),
    Shape("pairwise_without_executor", rollouts=times(2, ALL), right=times(2, RIGHT), role="other"),
    Shape("late_rewards", says="rewards come a step later than the rollouts"),
    Shape("two_trainers", rollouts={"unknown": 96}, right={"unknown": 48}, trainer="Pair"),
]
