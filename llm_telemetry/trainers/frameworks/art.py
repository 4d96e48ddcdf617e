"""ART: trajectories are logged with their rewards by their model; RULER judges a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import fields_of
from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.judges import judging
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rollouts import Told, fresh_group, rollouts
from llm_telemetry.trainers.frameworks.work import within
from llm_telemetry.trainers.reward_functions import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llm_telemetry.events import Split


def _item(group: Any, trajectory: Any = None) -> Mapping[str, Any]:
    """Return the metadata of a trajectory, which come first, and of its group."""
    return {"metadata": fields_of(trajectory).get("metadata"), "meta": fields_of(group).get("metadata")}


def _of_group(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    group = fields["group"]
    return _item(group, next(iter(group.trajectories), None))


def _tell(fields: Mapping[str, Any], _result: Any) -> Sequence[Told]:
    """Return what is logged: groups, or trajectories alone; an iterator is left alone, it could not be read twice."""
    split: Split = "train" if fields.get("split", "val") == "train" else "val"
    given = fields.get("trajectories")
    return [told for one in given for told in _of(one, split)] if isinstance(given, list | tuple) else []


def _of(given: Any, split: Split) -> Iterator[Told]:
    if isinstance(given, BaseException):
        yield Told(None, {}, failed=True, split=split)
        return
    is_group = "trajectories" in fields_of(given)
    key = fresh_group() if is_group else None
    for one in given.trajectories if is_group else [given]:
        yield Told(one.reward, _item(given, one), key, split=split)
    for _ in given.exceptions if is_group else ():
        yield Told(None, _item(given), key, failed=True, split=split)


def _judged(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"completions": [text_of(messages) for messages in fields["message_lists"]]}


def _scores(result: Any) -> list[float]:
    return [one.score for one in result]


ART = Framework(
    "art",
    Seam("art.model", "Model._log_metrics", log("metrics", "step", "split")),
    (
        Seam("art.model", "Model.log", rollouts(_tell, role="other", first=True), reads=("trajectories", "split")),
        Seam("art.rewards.ruler", "ruler_score_group", within(_of_group, "judge"), reads=("group",)),
        Seam("art.rewards.ruler", "ruler", judging(_judged, _scores), "ruler", reads=("message_lists",)),
    ),
)
