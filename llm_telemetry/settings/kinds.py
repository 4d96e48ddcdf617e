"""The kinds of settings: what is allowed, and how it is written in an environment variable."""

from __future__ import annotations

import importlib
import json
import math
import operator
import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.settings.conditions import read_conditions
from llm_telemetry.settings.limits import NO_LIMIT, limits_of, read_limits
from llm_telemetry.settings.rows import Kind, is_number, is_whole
from llm_telemetry.settings.trackers import TRACKERS, check_tracker, is_writer
from llm_telemetry.words import OFF, ON, SWITCH_WORDS, parse_switch

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")
"""How a function of the user's is named in a variable."""
_IMPORT_FAILS = (ImportError, AttributeError, SyntaxError, NameError, LookupError, TypeError, ValueError, OSError)


def _anything(_value: Any) -> bool:
    return True


def _is_instance(kinds: Any) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _is_threshold(value: Any) -> bool:
    return is_number(value) or callable(value)


def _is_run(value: Any) -> bool:
    return value is None or value is False or callable(getattr(value, "log", None))


def _are_clients(value: Any) -> bool:
    return all(hasattr(one, "with_options") for one in (value if isinstance(value, list | tuple) else [value]))


def _have(methods: tuple[str, ...], value: Any) -> bool:
    """Tell whether this is a list of objects with these methods."""
    for one in value if isinstance(value, list | tuple) else ():
        lacks = next((name for name in methods if not callable(getattr(one, name, None))), None)
        if lacks is not None:
            raise ValueError(f"{one!r} has no method {lacks}(); see docs/extending.md")
    return isinstance(value, list | tuple)


def _are_sinks(value: Any) -> bool:
    """Tell a list of sinks, names of trackers that are installed, and TensorBoard's writers."""
    if not isinstance(value, list | tuple):
        return False
    for name in value:
        if isinstance(name, str):
            check_tracker(name)
    return _have(("write", "close"), [one for one in value if not isinstance(one, str) and not is_writer(one)])


def _is_alarm(value: Any) -> bool:
    try:
        limits_of(value)
    except ValueError as error:
        raise ValueError(f"{error}; see docs/settings.md") from error
    return True


def _read_switch(text: str) -> bool:
    if text.lower() not in ON + OFF:
        raise ValueError
    return bool(parse_switch(text))


def _read_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError
    return number


def _read_count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError
    return int(text)


def _is_above_0(value: Any) -> bool:
    return is_whole(value) and value > 0


def _read_above_0(text: str) -> int:
    if not (count := _read_count(text)):
        raise ValueError
    return count


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip().removeprefix("="))


def _read_path(text: str) -> str:
    if not all(name.isidentifier() for name in text.split(".")):
        raise ValueError
    return text


def _read_paths(text: str) -> str | list[str]:
    paths = [_read_path(part.strip()) for part in text.split(",")]
    return paths if len(paths) > 1 else paths[0]


def _read_folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError("there is a file of that name")
    return folder


def _read_prices(text: str) -> Any:
    try:
        prices = json.loads(Path(text).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(error.strerror) from error
    if not isinstance(prices, dict):
        raise ValueError("there is no JSON object in it")  # noqa: TRY004 - the value of a variable, not of an argument
    return prices


def _read_parser(text: str) -> Any:
    if not FUNCTION.fullmatch(text):
        try:
            return re.compile(text).pattern
        except re.error as error:
            raise ValueError(error) from error
    return _read_function(text)


def _read_threshold(text: str) -> Any:
    return _read_function(text) if FUNCTION.fullmatch(text) else _read_number(text)


def _read_function(text: str) -> Any:
    module, _, path = text.partition(":")
    try:
        function = operator.attrgetter(path)(importlib.import_module(module))
    except _IMPORT_FAILS as error:
        raise ValueError(error) from error
    if not callable(function):
        raise ValueError("that is no function")  # noqa: TRY004 - the value of a variable, not of an argument
    return function


def _are_conditions(value: Any) -> bool:
    return callable(value) or (isinstance(value, str) and bool(read_conditions(value)))


def _read_conditions(text: str) -> Any:
    if FUNCTION.fullmatch(text):
        return _read_function(text)
    read_conditions(text)
    return text


def _read_alarm(text: str) -> Any:
    return _read_switch(text) if text.lower() in ON + OFF else read_limits(text)


def count_of(what: str) -> Kind:
    """Return the kind of a whole number; `what` is its unit, and what 0 means."""
    return Kind(f"a whole number of {what}", is_whole, read=_read_count)


def _is_scale(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(map(is_number, value)) and value[0] < value[1]  # noqa: PLR2004


def _read_scale(text: str) -> tuple[float, ...]:
    scale = tuple(_read_number(number) for number in text.split(","))
    if not _is_scale(scale):
        raise ValueError
    return scale


ADAPTER = Kind("an adapter, its class or its name", _anything, read=_read_path, written="the name of an adapter")
PART = Kind("a path or an object", _anything, read=_read_path, written="a dotted path below the trainer: engine.run")
JUDGES = PART._replace(read=_read_paths, written="a dotted path such as reward._judge; several with commas between")
METHOD = Kind("the name of a method of the trainer", _is_instance(str), read=_read_path)
STEPS = Kind("a whole number of steps above 0", _is_above_0, read=_read_above_0)
SOURCE = Kind("the name of a column or a field, or = and a constant", _is_text, read=str)
FUNCTION_NAME = Kind("the name of a reward function", _is_text, read=str)
CLIENTS = Kind("a client of the SDK, or a list of clients", _are_clients)
RUN = Kind("a W&B run, False for no W&B, or None for wandb.run", _is_run)
PRICES = Kind(
    "a mapping from model names to USD per million tokens",
    _anything,  # the price table checks it
    read=_read_prices,
    written='the path of a JSON file such as {"my-model": {"input": 0.1, "output": 0.4}}, in USD per million tokens',
)
THRESHOLD = Kind(
    "a finite number such as 0.9, or a function that tells of a reward whether it is correct",
    _is_threshold,
    read=_read_threshold,
    written="a finite number such as 0.9, or module:function",
)
RULE = Kind(
    "a function of an item and an answer", callable, read=_read_function, written="module:function, of item and answer"
)
CONDITIONS = Kind(
    "limits such as cost/total_cost > 50, or a function of a payload",
    _are_conditions,
    read=_read_conditions,
    written="limits with commas between, such as cost/total_cost > 50, judge/success_rate < 0.5; or module:function",
)
FOLDER = Kind("a path", _is_instance((str, os.PathLike)), Path, _read_folder, "a folder; it is made if need be")
SWITCH = Kind("True or False", _is_instance(bool), read=_read_switch, written=SWITCH_WORDS)
PARSER = Kind(
    "a regular expression or a function",
    _anything,
    read=_read_parser,
    written="a regular expression, or module:function",
)
SCALE = Kind(
    "two numbers, the lower one first",
    _is_scale,
    tuple,
    read=_read_scale,
    written="two numbers with a comma between, such as 0,10",
)
ALARM = Kind(
    "True, False or a mapping of limits",
    _is_alarm,
    read=_read_alarm,
    written=f"on, off, or limits such as budget=50,success_rate=0.9 ({' or '.join(NO_LIMIT)} for no such limit)",
)
COLLECTORS = Kind("a list of collectors", partial(_have, ("add", "collect")), tuple)
SINKS = Kind(f"a list of sinks, or of names: {', '.join(TRACKERS)}", _are_sinks, tuple)
