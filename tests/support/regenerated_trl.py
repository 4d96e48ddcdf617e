"""A trainer's class as unsloth makes it at import: TRL's source once more, in a module of its own."""

import importlib
import inspect
import re
import sys

import trl

AROUND = """

import functools
from types import MethodType


def prepare_for_training_mode(f):
    @functools.wraps(f)
    def wrapper(self, *args, **kwargs):
        return f(self, *args, **kwargs)
    return wrapper


class UnslothGRPOTrainer(_UnslothGRPOTrainer):
    def __init__(self, model, reward_funcs, args=None, **kwargs):
        super().__init__(model=model, reward_funcs=reward_funcs, args=args, **kwargs)
        self.train = MethodType(prepare_for_training_mode(self.__class__.train), self)
"""


def unsloth_class(folder):
    """Make what unsloth makes at import: see `patch_functions` and `create_new_function` there."""
    module = sys.modules[trl.GRPOTrainer.__module__]
    source = inspect.getsource(module).replace("class GRPOTrainer", "class _UnslothGRPOTrainer", 1)
    source = re.sub(r"from \.\.(\w)", r"from trl.\1", re.sub(r"from \.(\w)", r"from trl.trainer.\1", source))
    (folder / "unsloth_compiled_cache").mkdir()
    (folder / "unsloth_compiled_cache" / "UnslothGRPOTrainer.py").write_text(source + AROUND)
    sys.path.insert(0, str(folder / "unsloth_compiled_cache"))
    try:
        return importlib.import_module("UnslothGRPOTrainer").UnslothGRPOTrainer
    finally:
        sys.path.pop(0)
