"""OpenRLHF: a function of the user's rewards in the engines' actors; the trainer's actor has the samples, and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.hooks.scopes import session_here
from llm_telemetry.lifecycle.evaluation import judging_reward
from llm_telemetry.lifecycle.rewards import reward_in
from llm_telemetry.session.items import problem_in
from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.judges import hook_judges_below, read_by
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rollouts import Told, rollouts
from llm_telemetry.trainers.frameworks.validation import validation
from llm_telemetry.trainers.frameworks.work import Work, at_end, hook_with_self, nothing, scope_within, within
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session

REWARD_MODEL = (
    "OpenRLHF gives its rewards by a model of its own, when rollouts are no longer apart: there are no numbers of "
    "rollouts. With --reward.remote_url or --train.agent_func_path there are"
)
EVALUATING_APART = (
    "OpenRLHF evaluates in another actor than the one that logs (--train.async_enable): rollouts of evaluations are "
    "left out, and what their judges are asked counts as training's"
)


def _tell(fields: Mapping[str, Any], _experience: Any) -> Sequence[Told]:
    """Return the rollout that an engine has answered; attempts at one prompt are a group."""
    generator, response, session = fields["self"], fields["response"], session_here()
    if session is None:
        return []
    if not generator.args.reward.remote_url:
        session.tell(REWARD_MODEL)
        return []
    if session.is_child and getattr(generator, "_eval_dataloader_iter", None) is not None:
        session.tell(EVALUATING_APART)
        return []
    item = {"prompt": response["prompt"]}
    return [Told(reward_in(response["reward"]), item, problem_in(item))]


def _learn(session: Session, result: Any, error: BaseException | None) -> None:
    """Remember which dataset each prompt is of: OpenRLHF hands on the prompts alone."""
    if error is None:
        sources, prompts, *_ = result
        rows = zip(sources, prompts, strict=True)
        session.sources.learn([{"data_source": source, "prompt": prompt} for source, prompt in rows])


def _scoring(label: str) -> MakeSpan:
    """Return what opens the user's reward function, which gives no rollout here: an evaluation, if it asks a judge."""
    opens = judging_reward(label, implied=True, rewarding=_work)

    def open_scoring(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        hook_judges_below(fields["self"].reward_func)
        prompts, queries = fields["prompts_list"], fields["queries_list"]
        answers = [query.removeprefix(prompt) for query, prompt in zip(queries, prompts, strict=True)]
        told = {"prompts": prompts, "responses": answers, "labels": fields["labels_list"]}
        return read_by(reward_in, opens(session, scope, told))

    return open_scoring


def _work(session: Session, scope: Scope, _fields: dict[str, Any]) -> Span:
    return Work(scope_within(session, scope, "judge", None))


_SAMPLES, _AGENTS = "openrlhf.trainer.ppo_utils.samples_generator", "openrlhf.utils.agent"
OPENRLHF = Framework(
    "openrlhf",
    Seam("openrlhf.trainer.ppo_trainer", "BasePPOTrainer.save_logs_and_checkpoints", log("logs_dict", "global_step")),
    (
        Seam("openrlhf.datasets.prompts_dataset", "PromptDataset.collate_fn", at_end(_learn)),
        Seam(
            _SAMPLES,
            "SamplesGenerator._process_response_into_experience",
            rollouts(_tell, role="other"),
            reads=("response",),
        ),
        Seam(_SAMPLES, "SamplesGenerator.generate_eval_samples", validation("global_step")),
        Seam(
            _AGENTS,
            "SingleTurnAgentExecutor._fetch_rewards_via_func",
            Kind("reward function", _scoring, hook=hook_with_self),
            "reward_func",
            reads=("queries_list", "prompts_list", "labels_list"),
        ),
        Seam(_AGENTS, "MultiTurnAgentExecutor.execute", within(nothing, "judge")),
    ),
)
