"""The owner's log call: it ends a step, and what it logs takes our payload along."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from llm_telemetry.guard import attempt
from llm_telemetry.hooks.observe import drive
from llm_telemetry.hooks.scopes import SCOPE
from llm_telemetry.lifecycle.functions import opener
from llm_telemetry.lifecycle.spans import whole_number
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_telemetry.events import Payload, Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session

_ORDER: tuple[Split, ...] = ("val", "eval", "train")
"""Of payloads in one row: the latest totals count."""
_logged: WeakKeyDictionary[Session, dict[Split, Payload]] = WeakKeyDictionary()
"""By session, the payloads that rows have taken along."""


def log(data: str = "data", step: str = "step", split: str = "") -> Kind:
    """Return the kind of a log call; one within another is a part of it.

    Args:
        data: The parameter that is given what is logged, by key. What is passed on is a copy with our keys; the
            caller's own object, and its own keys, stay as they are.
        step: The parameter that is given the step's number; without a number steps are counted.
        split: The parameter that is given the split, where rows of validations are told so; a step ends with those of
            `train`.
    """
    reads = (data, step, split) if split else (data, step)
    opens = partial(_open, step, split)
    return Kind("log", lambda _label: opens, in_children=False, hook=partial(_hook, data), reads=reads)


class LoggedStep:
    """A row being logged."""

    def __init__(self, session: Session, scope: Scope, step: int | None, *, is_validation: bool = False) -> None:
        self._session = session
        self._scope = scope
        self._step = session.step + 1 if step is None else step
        self._is_validation = is_validation

    def begin(self) -> Scope:
        """End the step, or the validation, so that its payload is in this very row."""
        if self._is_validation:
            self._session.close_phase(self._session.open_phase("val", self._step), None)
        else:
            self._session.end_window(self._step)
        return self._scope

    def end(self, _result: Any, error: BaseException | None) -> None:
        """Stop the training, where `stop_when=` asks for it: the row is written."""
        if error is None:
            self._session.stopping.stop()


def _open(step: str, split: str, session: Session, scope: Scope, fields: dict[str, Any]) -> Span:
    is_validation = fields.get(split, "train") != "train"
    return LoggedStep(session, scope, attempt(whole_number, fields.get(step)), is_validation=is_validation)


def _hook(
    data: str,
    make_span: MakeSpan,
    parameters: Sequence[str],
    owner: Callable[[], Any],
    adopt: Callable[[Any], Session | None] | None = None,
) -> Any:
    """Return the wrapper for a log call; but for `data`, the arguments are those of `functions.hook`."""
    open_span = opener(make_span, parameters, owner, adopt)
    place = parameters.index(data) if data in parameters else len(parameters)

    def watch(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        def take_along(*args: Any, **kwargs: Any) -> Any:
            more = attempt(_with_payloads, data, place, args, kwargs)
            return wrapped(*args, **kwargs) if more is None else wrapped(*more[0], **more[1])

        span = open_span(instance, args, kwargs)
        return wrapped(*args, **kwargs) if span is None else drive(span, take_along, args, kwargs)

    return watch


def _with_payloads(
    data: str, place: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the arguments with our keys in what is logged; `None` where there are none, or no place for them."""
    given = args[place] if len(args) > place else kwargs.get(data)
    scope = SCOPE.get()
    if scope is None or not isinstance(given, Mapping) or not (values := _take(scope.session)):
        return None
    more = {**given, **{key: value for key, value in values.items() if key not in given}}
    if len(args) > place:
        return (*args[:place], more, *args[place + 1 :]), kwargs
    return args, {**kwargs, data: more}


def _take(session: Session) -> dict[str, float]:
    """Return the values of the payloads that no row has taken along."""
    logged = _logged.setdefault(session, {})
    fresh = [session.latest[split] for split in _ORDER if session.latest.get(split) is not logged.get(split)]
    logged.update(session.latest)
    return {key: value for payload in fresh for key, value in payload.values.items()}
