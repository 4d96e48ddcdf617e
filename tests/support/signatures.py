"""Signatures of frameworks' functions, as they were read in their sources: `trainers/frameworks/signatures.json`."""

import importlib
import inspect
import json
import operator
from pathlib import Path

READ = json.loads((Path(__file__).parents[1] / "trainers" / "frameworks" / "signatures.json").read_text())
"""Each with the package of PyPI and its version, or the repository and its commit, and the file that has it."""


def signature_of(function):
    """A function's parameters as text, but for what Ray adds to methods of actors.

    What they default to, and their types, do not matter here.
    """
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "_ray_trace_ctx"]
    plain = [
        one.replace(annotation=one.empty, default=one.default if one.default is one.empty else ...)
        for one in parameters
    ]
    return str(inspect.Signature(plain)).replace("Ellipsis", "...")


def read_in(framework, *modules):
    """What was read of a framework, or of some of its modules."""
    return [one for one in READ if one["framework"] == framework and (not modules or one["module"] in modules)]


def signature_now(row):
    """The signature that the function of a row has in the module that `import` finds."""
    return signature_of(operator.attrgetter(row["path"])(importlib.import_module(row["module"])))
