"""The table of settings: a row each, from which arguments, variables, options, messages and the document follow.

A new setting is a row here, and its keyword in `llm_telemetry.instrument`; tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from llm_telemetry.settings import kinds
from llm_telemetry.settings.rows import checked, rows_of, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from llm_telemetry.events import Payload


class InstrumentError(ValueError):
    """What `instrument()` was given cannot work; the message says what was wrong and what to do."""


@dataclass(frozen=True)
class Config:
    """The settings of one watched trainer; `settings.variables.configured` makes and checks them."""

    adapter: Any = setting(
        None,
        kinds.ADAPTER,
        "what kind of trainer it is: [an adapter of your own](extending.md#a-kind-of-trainer-of-your-own), its class, "
        "or a known one's name",
    )
    executor: Any = setting(None, kinds.PART, "what runs a rollout: path or object")
    reward: Any = setting(None, kinds.PART, "what computes a reward: path or object")
    judge: Any = setting(
        None,
        kinds.JUDGES,
        "the judge function: path (looked for on the reward computer first, then on the trainer), function or object; "
        "a list of them, or a mapping from the names that they shall have in keys",
    )
    step: str | None = setting(None, kinds.METHOD, "name of the trainer's step method")
    validation: str | None = setting(None, kinds.METHOD, "name of the trainer's validation method")
    steps: int | None = setting(
        None,
        kinds.STEPS,
        "how many steps the training will have, for `cost/projected`; by default what the trainer, its `state`, `args` "
        "or `config` call `max_steps`, `total_steps` or the like",
    )
    items: Any = setting(None, kinds.PART, "what hands out dataset items: path or object")
    source: str | None = setting(
        None,
        kinds.SOURCE,
        "the column, argument or field that tells a rollout's dataset; `=name` is a constant; by default one of "
        "[the usual names](metrics.md#words)",
    )
    policy: Any = setting(
        None,
        kinds.CLIENTS,
        "the client, or a list of clients, that the policy itself is called through: outside of executor, reward and "
        "judge their calls have the role `policy`",
    )
    threshold: float | Callable[[float], bool] = setting(
        0.9,
        kinds.THRESHOLD,
        "a rollout is correct when its reward is at least this, or when this function says so of it",
    )
    correct: str | None = setting(
        None,
        kinds.FUNCTION_NAME,
        "the reward function whose reward says what is correct, where a reward is made of several; by default the "
        "reward itself does",
    )
    unrewarded_is_wrong: bool = setting(
        False,
        kinds.SWITCH,
        "a rollout that gets no reward, in a trainer that rewards others, is wrong, not unscored",
    )
    prices: Mapping[str, Mapping[str, float | Mapping[str, float]]] | None = setting(
        None,
        kinds.PRICES,
        "USD per million tokens of your own models and service tiers, see [extending](extending.md#your-own-prices)",
    )
    rule: Callable[[Mapping[str, Any], str], object] | None = setting(
        None,
        kinds.RULE,
        "your own rule, against which [the judge is held](judge-trust.md#against-a-rule): given the judge function's "
        "arguments by name, and the answer, it says `True`, `False`, or `None` where it does not know",
    )
    judge_parser: str | Callable[[str], object] | None = setting(
        None,
        kinds.PARSER,
        "your own reading of the judge's text: a regular expression or a function, see "
        "[extending](extending.md#your-own-judge-parser)",
    )
    judge_scale: tuple[float, float] | None = setting(
        None, kinds.SCALE, "the lowest and the highest grade that your judge gives, such as `(0, 10)`"
    )
    judge_inverted: bool = setting(
        False, kinds.SWITCH, 'your judge is asked for the contrary ("is this wrong?"): its yes means wrong'
    )
    capture_failures: int = setting(
        0,
        kinds.count_of("evaluations a step, 0 for none"),
        "keep so many failed or contradictory evaluations a step with their text, cut and without secrets, see "
        "[metrics](metrics.md#captured-failures)",
    )
    collectors: tuple[Any, ...] = setting(
        (), kinds.COLLECTORS, "your own collectors, see [extending](extending.md#your-own-collector)"
    )
    alarm: Mapping[str, float | None] | bool = setting(
        True,
        kinds.ALARM,
        'limits for the judge\'s health and the spending, such as `{"budget": 50, "success_rate": 0.9}`; `False` for '
        "no alarm",
    )
    stop_when: str | Callable[[Payload], object] | None = setting(
        None,
        kinds.CONDITIONS,
        "end the training between two steps when a payload says so: limits such as `cost/total_cost > 50, "
        "judge/api_failure_rate > 0.5`, or a function of the payload, see [stopping](settings.md#when-to-stop)",
    )
    run: Any = setting(
        None,
        kinds.RUN,
        "the W&B run; `None` is `wandb.run`, whichever that is when a payload comes; `False` is no W&B at all",
    )
    folder: Path | None = setting(
        None,
        kinds.FOLDER,
        "the folder of the JSONL; by default the W&B run's own, else `llm_telemetry` in the working directory",
    )
    spool: Path | None = setting(
        None,
        kinds.FOLDER,
        "a folder that the processes of [several machines](ray.md#several-machines-without-ray) share, for this run "
        "alone",
    )
    resume: bool | None = setting(
        None,
        kinds.SWITCH,
        "go on with the run's earlier counts: `None` where the W&B run has the id of an earlier run, `True` also from "
        "the latest JSONL in `folder`, `False` never",
    )
    rescue_rows: bool = setting(
        False, kinds.SWITCH, "keep the trainer's rows that W&B drops, under `rescued/…`, see [wandb.md](wandb.md)"
    )
    console: int = setting(
        10,
        kinds.count_of("steps, 0 for never"),
        "print a summary to standard error every so many steps, after each validation and at the end; 0 for never",
    )
    sinks: tuple[Any, ...] = setting(
        (),
        kinds.SINKS,
        '[trackers by name](trackers.md), such as `["trackio"]`, and [sinks of your own](extending.md#your-own-sink)',
    )
    jsonl: bool = setting(True, kinds.SWITCH, "write the JSONL")
    enabled: bool = setting(
        True, kinds.SWITCH, "with `False` nothing is watched, and the handle works and has nothing to tell"
    )
    strict: bool = setting(False, kinds.SWITCH, "raise failures of telemetry's own; for tests")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Config:
        """Check the given settings and make them a `Config`; `None` is as good as not given.

        Raises:
            InstrumentError: A value cannot work.
        """
        try:
            config = cls(**checked(SETTINGS, {name: value for name, value in given.items() if value is not None}))
        except ValueError as error:
            raise InstrumentError(error) from error
        if config.resume and config.folder is None:
            raise InstrumentError("resume=True needs folder=, where the earlier run's JSONL is")
        return config

    def differences(self, other: Config) -> list[str]:
        """Return the names of the settings in which `self` and `other` differ."""
        names = (row.name for row in SETTINGS)
        return [name for name in names if not _is_same(getattr(self, name), getattr(other, name))]


SETTINGS = rows_of(Config)


def _is_same(one: Any, other: Any) -> bool:
    """Tell equal settings; a lambda in a notebook's cell that is run again is a new object, and the same function."""
    if isinstance(one, FunctionType) and isinstance(other, FunctionType):
        return _makeup(one) == _makeup(other)
    return bool(one == other)


def _makeup(function: FunctionType) -> tuple[Any, ...]:
    code = function.__code__
    held = tuple(cell.cell_contents for cell in function.__closure__ or ())
    return code.co_code, code.co_consts, code.co_names, function.__defaults__, function.__kwdefaults__, held
