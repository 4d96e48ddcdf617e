"""Frameworks that are known by name: a function of theirs gives rewards, a log call of the run's owner ends a step."""
