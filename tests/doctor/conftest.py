"""Several here read what runs have left behind."""

from tests.support.left_runs import edited, finished, killed, nobodys_machine

__all__ = ["edited", "finished", "killed", "nobodys_machine"]
