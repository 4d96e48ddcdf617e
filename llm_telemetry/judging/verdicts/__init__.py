"""From a judge's words, or a judge function's return value, to a verdict, or to the reason why there is none."""

from .custom import custom_reader
from .returned import returned_verdict
from .rules import read_verdict
from .verdict import Unreadable, Verdict, agree, passes

__all__ = ["Unreadable", "Verdict", "agree", "custom_reader", "passes", "read_verdict", "returned_verdict"]
