"""From a judge's words, or a judge function's return value, to a verdict, or to the reason why there is none."""

from .custom import custom_reader
from .returned import returned_verdict
from .rules import read_verdict
from .verdict import Unreadable, Verdict, agree, inverse, on_scale, passes

__all__ = [
    "Unreadable",
    "Verdict",
    "agree",
    "custom_reader",
    "inverse",
    "on_scale",
    "passes",
    "read_verdict",
    "returned_verdict",
]
