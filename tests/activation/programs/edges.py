# ruff: noqa: T201, PLC0415 - a program that a test runs
"""What a user may do beside plain training; the first argument says what."""

import sys

import shapes

import llm_telemetry


def step(trainer, number=1):
    import asyncio

    return asyncio.run(trainer.train_step(number))


def released():
    """A trainer that telemetry was taken off stays so; another of its class is another matter."""
    trainer = shapes.Trainer()
    llm_telemetry.instrument(trainer).uninstrument()
    step(trainer)
    step(shapes.Trainer(), 7)


def given():
    """Settings in code win, and the trainer is watched once."""
    trainer = shapes.Trainer()
    handle = llm_telemetry.instrument(trainer, folder="elsewhere")
    step(trainer)
    print(handle.path.parent, handle._config.threshold)


def handle():
    trainer = shapes.Trainer()
    with llm_telemetry.instrument(trainer, threshold=0.5) as telemetry:
        print(step(trainer), telemetry.path, isinstance(telemetry, llm_telemetry.Telemetry))
        telemetry.flush()
        print(telemetry.dataset.get_wandb_logs(), telemetry.cost.collect("train"), telemetry.judge.get_wandb_logs())
        telemetry.print_summary()
    telemetry.uninstrument()
    print(type(shapes.Trainer.train_step).__name__, llm_telemetry.instrument(trainer) is not None)


def pickles():
    """A class that is waiting for its first step pickles, copies, and shows its signature, as it always did."""
    import copy
    import inspect
    import pickle

    net = shapes.Net()
    print(pickle.loads(pickle.dumps(net.train_step))(3), copy.deepcopy(net).train_step(4))
    print(inspect.signature(shapes.Net.train_step), shapes.Net.train_step.__qualname__)
    print(inspect.iscoroutinefunction(shapes.Trainer.train_step), type(shapes.Net.__init__).__name__)
    print(vars(shapes.__loader__), type(shapes.__loader__).__name__, shapes.__spec__.loader is shapes.__loader__)


def strange():
    """Modules and classes that do not like to be looked at."""
    import lazy

    print(lazy.touched, net_line(), net_line())


def net_line():
    return shapes.Net().train_step("batch")


globals()[sys.argv[1]]()
