"""Offline W&B in a folder of its own, without a terminal, and torn down after each test."""

from __future__ import annotations

import importlib
import logging
import os
import sys

import pytest

from llm_telemetry import guard
from tests.support.wandb_offline import tear_down

QUIET = {
    "console": "off",
    "silent": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """Failures of ours are loud."""
    monkeypatch.setattr(guard.failures, "strict", True)


@pytest.fixture(autouse=True)
def _told(caplog):
    """What is told is in `caplog`."""
    caplog.set_level(logging.WARNING, logger="llm_telemetry")


@pytest.fixture
def lenient(monkeypatch):
    """As in production: failures of ours are counted, and pass."""
    monkeypatch.setattr(guard, "failures", guard.Failures())
    monkeypatch.setattr(guard, "find_here", [])  # whatever session another test has left behind
    return guard.failures


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    """No test reaches a real server, the user's settings, or those that an earlier test has left in W&B."""
    _end_service()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield
    _end_service()


def _end_service():
    if hasattr(sys.modules.get("wandb"), "teardown"):
        tear_down()
        importlib.import_module("wandb.sdk.lib.module").unset_globals()  # a run that was not finished is no run now


@pytest.fixture
def begin(tmp_path):
    """Begin a quiet run; each call begins another one."""
    wandb = pytest.importorskip("wandb")

    def call(**options):
        options = {"project": "p", "dir": str(tmp_path), "settings": wandb.Settings(**QUIET), **options}
        return wandb.init(**options)

    return call


@pytest.fixture
def server(monkeypatch):
    """A W&B server of our own, to which runs go from now on."""
    from tests.support.wandb_server import Server  # noqa: PLC0415

    server = Server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()
