"""Reports are made in a folder of their own, on nobody's machine."""

from tests.support.left_runs import nobodys_machine

__all__ = ["nobodys_machine"]
