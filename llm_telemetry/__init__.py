"""Watch an RL trainer's LLM clients from outside: accuracy by dataset, judge health and cost, a row per step.

`instrument(trainer)` is the one line. Nothing heavy is imported before it is called.
"""

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this package costs
if TYPE_CHECKING:
    from llm_telemetry.api import instrument, watch
    from llm_telemetry.collectors.base import Collector
    from llm_telemetry.collectors.cost import CostTracker
    from llm_telemetry.collectors.dataset import DatasetMetricsCollector
    from llm_telemetry.collectors.judge import JudgeMetricsCollector
    from llm_telemetry.handle import Telemetry
    from llm_telemetry.lifecycle.marks import judge, scope
    from llm_telemetry.runs.load import load
    from llm_telemetry.settings.config import InstrumentError
    from llm_telemetry.sinks.base import Sink

__version__ = "0.1.0"

__all__ = [
    "Collector",
    "CostTracker",
    "DatasetMetricsCollector",
    "InstrumentError",
    "JudgeMetricsCollector",
    "Sink",
    "Telemetry",
    "instrument",
    "judge",
    "load",
    "scope",
    "watch",
]

_HOME = {
    "Collector": "collectors.base",
    "CostTracker": "collectors.cost",
    "DatasetMetricsCollector": "collectors.dataset",
    "InstrumentError": "settings.config",
    "JudgeMetricsCollector": "collectors.judge",
    "Sink": "sinks.base",
    "Telemetry": "handle",
    "instrument": "api",
    "judge": "lifecycle.marks",
    "load": "runs.load",
    "scope": "lifecycle.marks",
    "watch": "api",
}


if not TYPE_CHECKING:  # to a type checker a name that is not above is an error

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used (PEP 562)."""
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(__import__(f"{__name__}.{home}", fromlist=[name]), name)


def __dir__() -> list[str]:
    """Show the public names."""
    return [*__all__, "__version__"]
