# ruff: noqa: T201, W605 - a program that a test runs
"""Prints everything about its surroundings that a program can see."""

import pickle
import sys
import warnings

import __main__


class Trainer:
    def train_step(self, step):
        return step


@lambda cls: cls
class Decorated(Trainer):
    def train_step(self, step):
        return sys._getframe().f_lineno


def shown(value):
    return f"{type(value).__name__}:{getattr(value, 'name', value)}"


if __name__ == "__main__":
    names = dict(vars(__main__))
    hidden = ("__builtins__", "__loader__", "__spec__", "__annotations__")
    print({name: value for name, value in names.items() if name.startswith("__") and name not in hidden})
    print([name for name in names if name.startswith("__")], names.get("__annotations__"))
    print(shown(names["__builtins__"]), shown(names["__loader__"]), vars(names["__loader__"]), shown(names["__spec__"]))
    print(sys.argv, sys.path[0], sys.modules["__main__"] is __main__, sys.flags)
    print(type(pickle.loads(pickle.dumps(Trainer()))) is Trainer, Decorated.train_step.__code__.co_firstlineno)
    print(Trainer.__module__, Trainer.__qualname__, getattr(Trainer, "__firstlineno__", None))
    print(getattr(Decorated, "__firstlineno__", None), "finder.Finder" in str(sys.meta_path))
    warnings.warn("here", stacklevel=1)
    "\d"
