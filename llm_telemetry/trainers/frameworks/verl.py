"""verl: rewards in workers of Ray, the trainer and its log in an actor; see docs/ray.md."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Padded
from llm_telemetry.guard import attempt
from llm_telemetry.hooks.patching import Hook
from llm_telemetry.lifecycle import functions
from llm_telemetry.lifecycle.evaluation import judging_reward
from llm_telemetry.objects import fields_of
from llm_telemetry.sources import clean_source
from llm_telemetry.trainers.frameworks.framework import Framework, Seam, session_of_call
from llm_telemetry.trainers.frameworks.judges import hook_judges_below, read_by
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rewards import rewards
from llm_telemetry.trainers.frameworks.validation import validation
from llm_telemetry.trainers.frameworks.work import at_end
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session

PADDED = (
    "verl pads a batch to a multiple of its workers, here by %d rows: copies of its first ones, which are rewarded, "
    "judged and paid for, and thrown away. They count as rollouts, and in dataset/padded; a batch that the workers "
    "divide evenly has none"
)
DIFFERENT_KEYS = (
    "verl fails with KeyError: %r. It takes the keys that compute_score has returned for a batch's first rollout for "
    "those of all, and for another one this key is missing: most often its judge has failed, and a branch that returns "
    "other keys was taken. Return the same keys always"
)
NO_SCORE = (
    "compute_score returned a dict without 'score' (%s), and verl fails with KeyError: 'score'. Where a judge fails, "
    "return a score all the same"
)


def _last_row(fields: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the item of a `DataProto`: of several turns the last one is rewarded, for all of them."""
    columns = fields_of(fields_of(fields["data"]).get("non_tensor_batch"))
    return [{name: _plain(column[-1]) for name, column in columns.items()}]


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _tell_padding(session: Session, result: Any, error: BaseException | None) -> None:
    if error is None and result[1]:
        session.tell(PADDED, result[1])
        session.record(Padded(session.phase.split if session.phase else "train", result[1]))


def _tell_keys(session: Session, _result: Any, error: BaseException | None) -> None:
    if isinstance(error, KeyError):
        session.tell(DIFFERENT_KEYS, error.args[0])


def _with_score(session: Session, result: Any) -> Any:
    """Return what `compute_score` has returned; tell where verl will fail with it."""
    if isinstance(result, dict) and "score" not in result:
        session.tell(NO_SCORE, ", ".join(map(str, result)) or "empty")
    return result


_REWARDS = rewards(group="uid")


def _scoring(label: str) -> functions.MakeSpan:
    """Return what opens `compute_score`: an evaluation if it asks a judge, a rollout where no worker has opened one."""
    opens = judging_reward(label, implied=True, rewarding=_REWARDS.opens(""))

    def open_both(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        told = {**fields, "response": fields.get("solution_str")}
        return read_by(functools.partial(_with_score, session), opens(session, scope, told))

    return open_both


def _giving(*_: Any) -> Callable[..., Any]:
    """Return the wrapper of what gives the user's function: it gives it with a hook, and hooks on the judges below."""

    def give(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        given = wrapped(*args, **kwargs)
        hooked = None if given is None else attempt(_hooked, given)
        return given if hooked is None else hooked

    return give


def _hooked(given: Any) -> Any:
    held = given.args if isinstance(given, functools.partial) else ()
    function = next(filter(callable, held), given)
    hook_judges_below(function)
    label = clean_source(getattr(function, "__name__", "compute_score")).strip("_")
    return Hook(given, functions.hook(_scoring(label), (), adopt=session_of_call))


_VALIDATION, _PADDING = validation("global_steps"), at_end(_tell_padding)
_LOOP, _TRAINER = "verl.experimental.reward_loop.reward_loop", "verl.trainer.ppo.ray_trainer"
_FUNCTION = Kind("reward function", _scoring, hook=_giving)
VERL = Framework(
    "verl",
    Seam("verl.utils.tracking", "Tracking.log", log("data", "step")),
    (
        Seam(_LOOP, "RewardLoopWorker.compute_score", rewards(_last_row, group="uid"), reads=("data",)),
        Seam("verl.trainer.ppo.reward", "get_custom_reward_fn", _FUNCTION),
        Seam("verl.trainer.ppo.v1.trainer_base", "PPOTrainer._validate", _VALIDATION),
        Seam(_TRAINER, "RayPPOTrainer._validate", _VALIDATION),
        Seam(_LOOP, "pad_dataproto_to_divisor", _PADDING),
        Seam(_TRAINER, "pad_dataproto_to_divisor", _PADDING),
        Seam(_LOOP, "RewardLoopManager.compute_rm_score", at_end(_tell_keys)),
        Seam("verl.experimental.agent_loop.agent_loop", "AgentLoopWorker._postprocess", at_end(_tell_keys)),
    ),
)
