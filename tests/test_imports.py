"""Waiting for modules: nobody's finder is asked more than once, and a loader is what it was."""

import copy
import importlib.machinery
import importlib.util
import pickle
import sys

import pytest

from llm_telemetry.imports import ImportWatcher


class Watcher(ImportWatcher):
    """Wants to know of one module."""

    def __init__(self, name):
        super().__init__(lambda function, *arguments: function(*arguments))
        self.name = name
        self.seen = []

    def _may_concern_us(self, name, path):
        return name == self.name

    def _concerns_us(self, spec):
        return True

    def _executed(self, module):
        self.seen.append(module.__name__)


class Asked:
    """Somebody's finder, which finds nothing and remembers what it was asked for."""

    def __init__(self):
        self.names = []

    def find_spec(self, name, path=None, target=None):
        self.names.append(name)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "waited_for.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "waited_for"
    sys.modules.pop("waited_for", None)


@pytest.fixture
def finders(module, monkeypatch):
    """Somebody's finders before, between and behind two watchers."""
    before, between, behind = Asked(), Asked(), Asked()
    watchers = [Watcher(module), Watcher(module)]
    monkeypatch.setattr(sys, "meta_path", [before, watchers[0], between, watchers[1], behind, *sys.meta_path])
    return watchers, (before, between, behind)


def test_every_finder_is_asked_once_and_every_watcher_is_told(module, finders):
    watchers, others = finders
    importlib.import_module(module)
    assert [finder.names for finder in others] == [[module]] * 3
    assert [watcher.seen for watcher in watchers] == [[module]] * 2


def test_a_module_that_is_not_there_is_asked_for_once_before_us_and_twice_behind(finders, monkeypatch):
    (first, second), others = finders
    for watcher in (first, second):
        monkeypatch.setattr(watcher, "name", "no_such_module")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module")
    assert [len(finder.names) for finder in others] == [1, 2, 2]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda loader: pickle.loads(pickle.dumps(loader))])
def test_a_loader_that_is_waited_for_pickles_and_copies_as_what_it_is(module, finders, again):
    spec = importlib.util.find_spec(module)
    assert b"llm_telemetry" not in pickle.dumps(spec.loader)
    twin = again(spec.loader)
    assert type(twin) is importlib.machinery.SourceFileLoader
    made = importlib.util.module_from_spec(spec)
    twin.exec_module(made)
    assert made.x == 1
    assert [watcher.seen for watcher in finders[0]] == [[], []]
    spec.loader.exec_module(made)
    assert [watcher.seen for watcher in finders[0]] == [[module], [module]]
    assert "exec_module" not in vars(spec.loader)
