"""verifiers: episodes of an environment, rewarded by `Task.score`, with judges of its own; it logs no steps itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.judges import judging
from llm_telemetry.trainers.frameworks.rollouts import Told, rollouts
from llm_telemetry.trainers.frameworks.work import nothing, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _environment(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"source": fields["self"].config.env_id}


def _tell(_fields: Mapping[str, Any], episode: Any) -> Sequence[Told]:
    """Return the episode's traces of agents that are trained, as they are after all that was tried again."""
    item, traces = (
        {"source": episode.env.name or episode.env.id},
        [one for one in episode.traces if one.agent.trainable],
    )
    return [_told(one, item, episode) for one in traces] or [Told(None, item, failed=not episode.ok)]


def _told(trace: Any, item: Mapping[str, Any], episode: Any) -> Told:
    given = {name: reward for name, reward in trace.rewards.items() if reward is not None}
    parts = tuple((name, reward.score) for name, reward in given.items())
    group = None if episode.group is None else episode.group.id
    reward = trace.reward if given else None
    return Told(reward, item, group or trace.task.key, failed=not trace.ok, parts=parts, name=trace.id)


def _trace(fields: Mapping[str, Any]) -> str:
    """Return the name of the trace that is scored: what is judged meanwhile is judged for it."""
    name: str = fields["trace"].id
    return name


def _answer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a judge that is plugged into a task is given: a reply, and the task's prompt."""
    return {"response": fields["trace"].last_reply, "question": fields["task"].prompt_text}


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "trace"}


def _parsed(response: Any) -> Any:
    return response.parsed


_PLUGGED = ("reference", "rubric", "decision")
VERIFIERS = Framework(
    "verifiers",
    None,
    (
        Seam("verifiers.v1.env", "Env.run_slot", rollouts(_tell, _environment, "executor"), begins="verifiers"),
        Seam("verifiers.v1.task", "Task.score", within(nothing, "judge", _trace), reads=("trace",)),
        Seam("verifiers.v1.judge", "Judge.evaluate", judging(_fields, _parsed), "judge"),
        *(
            Seam(
                f"verifiers.v1.judges.{one}",
                f"{one.title()}Judge.score",
                judging(_answer),
                one,
                reads=("task", "trace"),
            )
            for one in _PLUGGED
        ),
        Seam("verifiers.v1.judges.decision", "DecisionJudge.evaluate", judging(_fields, _parsed), "decision"),
    ),
)
