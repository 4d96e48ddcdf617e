"""The price table: how old it is, and which models of the last run it does not know."""

from __future__ import annotations

import datetime as dt
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.pricing import PriceTable
from llm_telemetry.runs.findings import Finding, Severity, format_count
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.settings.variables import VariableError, read_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llm_telemetry.doctor.case import Case

OLD = dt.timedelta(days=180)
_OWN = 'LLM_TELEMETRY_PRICES=prices.json, with {"%s": {"input": 0.1, "output": 0.4}}, in USD per million tokens'
_finding = partial(Finding, "prices")


def check_prices(case: Case) -> list[Finding]:
    """Tell the age of the table, and what the last run could not price."""
    table = [_check_age(dt.datetime.now(tz=dt.timezone.utc).date())]
    run = case.last_run
    unpriced = 0 if run is None else int(run.latest.get(keys.UNPRICED_CALLS.name, 0))
    if run is None or not unpriced:
        return table
    named = _unpriced_models(run.state)
    models = _still_unpriced(named, case.environ)
    if named and not models:
        return [*table, _finding(Severity.NOTE, f"the last run had no price for {', '.join(named)}; there is one now")]
    which = f": {', '.join(models)}" if models else ""
    what = f"{format_count(unpriced, 'call')} of the last run without a price{which}"
    return [*table, _finding(Severity.WARNING, what, _OWN % (models[0] if models else "my-model"))]


def _unpriced_models(state: Mapping[str, Any]) -> list[str]:
    return sorted(state.get("unpriced_models") or state.get("cost", {}).get("unpriced_models") or ())


def _still_unpriced(models: list[str], environ: Mapping[str, str]) -> list[str]:
    try:
        table = PriceTable(read_environment(environ, {}).get("prices"))
    except (VariableError, InstrumentError):  # the section on variables tells that
        table = PriceTable()
    return [model for model in models if table.rate([model]) is None]


def _check_age(today: dt.date) -> Finding:
    try:
        from genai_prices.data import providers  # noqa: PLC0415 - nobody else needs it
    except ImportError:
        return _finding(Severity.WARNING, "there is no price table", "pip install genai-prices")
    newest = max((date for date in _dates(providers) if date <= today), default=None)
    what = f"genai-prices {version('genai-prices')}"
    if newest is None:
        return _finding(Severity.NOTE, f"{what}: its prices have no date")
    what += f": its latest price is of {newest}"
    if today - newest > OLD:
        return _finding(
            Severity.WARNING, f"{what}, {(today - newest).days} days ago", "pip install --upgrade genai-prices"
        )
    return _finding(Severity.OK, what)


def _dates(providers: Any) -> Iterator[dt.date]:
    """Yield the days on which a price began: the table was made on the latest of them, or after it."""
    for provider in providers:
        for model in provider.models:
            prices = model.prices if isinstance(model.prices, list) else ()
            starts = (getattr(getattr(price, "constraint", None), "start_date", None) for price in prices)
            yield from (start for start in starts if isinstance(start, dt.date))
