"""When a library is hooked: at `instrument()`, or the moment it is imported; and nothing of it stays behind."""

import asyncio
import copy
import importlib
import inspect
import json
import pickle
import sys
import textwrap

import pytest

from llm_telemetry.clients import libraries as clients
from tests.support.children import python
from tests.support.trainers import Trainer, watch

LATER = """
import sys
from llm_telemetry import instrument

class Executor:
    def execute(self, url):
        {ask}

class Trainer:
    def __init__(self):
        self.executor = Executor()

    def train_step(self, step):
        self.executor.execute(sys.argv[1])

class Sink:
    def write(self, payload):
        values = dict(payload.values)
        calls = {{key: n for key, n in values.items() if key.startswith("llm/") and key.endswith("/calls")}}
        tokens = values.get("tokens/executor/prompt")
        print(sorted(calls.items()), tokens, values["telemetry/errors"], library in before)

    def close(self):
        pass

library = "{library}"
paths = list(sys.meta_path)
trainer = Trainer()
telemetry = instrument(trainer, run=False, console=0, jsonl=False, sinks=[Sink()])
before = set(sys.modules)
trainer.train_step(1)
telemetry.uninstrument()
print(sys.meta_path == paths, *(name for name in {traces} if hasattr(eval(name), "__wrapped__")))
"""
BODY = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
ASKS = {
    "httpx": "import httpx; httpx.post(url + '/v1/messages', json=BODY)",
    "requests": "import requests; requests.post(url + '/v1/messages', json=BODY)",
    "anthropic": "import anthropic; anthropic.Anthropic(base_url=url, api_key='k').messages.create(**BODY)",
    "aiohttp": """
        import aiohttp, asyncio
        async def ask():
            async with aiohttp.ClientSession() as session, session.post(url + '/v1/messages', json=BODY) as response:
                await response.json()
        asyncio.run(ask())""",
}
TRACES = {
    "httpx": ["sys.modules['httpx'].Client.send", "sys.modules['httpx'].AsyncClient.send"],
    "requests": ["sys.modules['requests'].Session.send", "sys.modules['requests'].Response.iter_content"],
    "anthropic": ["sys.modules['anthropic']._base_client.SyncAPIClient.request"],
    "aiohttp": ["sys.modules['aiohttp'].ClientSession._request", "sys.modules['aiohttp'].StreamReader.feed_eof"],
}


@pytest.mark.parametrize("library", list(ASKS))
def test_a_library_that_is_imported_within_a_step_is_seen_from_its_first_call(server, tmp_path, library):
    ask = textwrap.indent(textwrap.dedent(ASKS[library].replace("BODY", repr(BODY))), "        ").strip()
    program = tmp_path / "train.py"
    program.write_text(LATER.format(ask=ask, library=library, traces=TRACES[library]))
    done = python(program, server.url, cwd=tmp_path)
    seen, left = done.stdout.splitlines()
    assert seen == f"[('llm/executor/calls', 1)] {server.books.tokens().prompt} 0 False", done.stderr
    assert left == "True"


def test_no_library_is_imported_by_us(tmp_path):
    show = f"import sys; print(*(name for name in {list(clients.LIBRARIES)!r} if name in sys.modules))"
    program = (
        f"from llm_telemetry import instrument\nclass T:\n def train_step(self): ...\n reward_computer = None\n{show}"
    )
    done = python("-c", program, cwd=tmp_path)
    assert done.stdout.split() == []


@pytest.fixture
def everything():
    """Every library that there is; `httpx2` comes with the newer SDKs only."""
    for name in clients.LIBRARIES:
        if importlib.util.find_spec(name):
            importlib.import_module(name)
    return {name for name in clients.LIBRARIES if name in sys.modules}


def test_the_finder_and_the_hooks_go_with_the_last_trainer(tmp_path, everything):
    owners = {owner for name in everything for owner in (row.owner for row in clients.LIBRARIES[name].rows())}
    before, finders = {owner: dict(vars(owner)) for owner in owners}, list(sys.meta_path)
    trainers = [Trainer(), Trainer()]
    one, other = [watch(trainer, tmp_path)[0] for trainer in trainers]
    assert len(sys.meta_path) == len(finders) + 1
    one.uninstrument()
    assert len(sys.meta_path) == len(finders) + 1
    other.uninstrument()
    assert sys.meta_path == finders
    for owner, own in before.items():
        after = dict(vars(owner))
        assert list(after) == list(own)
        assert all(after[name] is own[name] for name in own)


def test_hooked_functions_look_and_pickle_as_before(tmp_path, everything):
    rows = [(row.owner, row.name) for name in everything for row in clients.LIBRARIES[name].rows()]

    def looks():
        functions = [getattr(owner, name) for owner, name in rows]
        return [
            (f.__name__, f.__qualname__, f.__doc__, inspect.iscoroutinefunction(f), str(inspect.signature(f)))
            for f in functions
        ]

    before, trainer = looks(), Trainer()
    watch(trainer, tmp_path)
    assert all(hasattr(getattr(owner, name), "__wrapped__") for owner, name in rows)
    assert looks() == before
    for owner, name in rows:
        function = getattr(owner, name)
        assert copy.deepcopy(function) is not None
        assert pickle.loads(pickle.dumps(function)) == function


def test_a_library_that_came_past_the_finder_is_hooked_at_the_next_flush(tmp_path, monkeypatch, everything):
    import requests  # noqa: PLC0415

    monkeypatch.delitem(sys.modules, "requests")
    trainer = Trainer()
    trainer.reward_computer.judge = lambda *_: True
    trainer.executor.work = lambda _: done()
    watch(trainer, tmp_path)
    assert not hasattr(requests.Session.send, "__wrapped__")
    monkeypatch.setitem(sys.modules, "requests", requests)
    asyncio.run(trainer.train_step(1))
    assert hasattr(requests.Session.send, "__wrapped__")


async def done():
    return "4", 0.0, {"success": True}


BROKEN = """
import sys
from llm_telemetry import instrument
from llm_telemetry.clients import libraries as clients

def fails():
    raise RuntimeError("ours")

clients.LIBRARIES["httpx"] = clients.Library(fails, ("httpx",))

class Trainer:
    def train_step(self):
        import httpx
        print(httpx.Client.__name__, hasattr(httpx.Client.send, "__wrapped__"))
    def compute_reward(self, problem): ...

trainer = Trainer()
trainer.reward_computer = trainer
instrument(trainer, run=False, console=0, jsonl=False)
trainer.train_step()
"""


def test_a_failure_of_ours_does_not_reach_the_import(tmp_path):
    done = python("-c", BROKEN, cwd=tmp_path)
    assert done.stdout == "Client False\n"
    assert "llm_telemetry: failed in Arrivals.arrived" in done.stderr


ABSENT = """
import json, sys
from llm_telemetry import instrument

class Trainer:
    def train_step(self):
        found = []
        for name in ("requests.nothing", "nothing_at_all", "httpx"):
            try:
                found.append(__import__(name).__name__)
            except ImportError as error:
                found.append(f"{type(error).__name__}: {error}")
        return found

trainer = Trainer()
if sys.argv[1:]:
    instrument(trainer, run=False, console=0, jsonl=False, step="train_step")
print(json.dumps(trainer.train_step()))
"""


def test_imports_that_fail_fail_as_before(tmp_path):
    def run(*args):
        return json.loads(python("-c", ABSENT, *args, cwd=tmp_path).stdout)

    assert run("watched") == run()


LAZY = """
import importlib.util, sys
from llm_telemetry import instrument

class Trainer:
    reward_computer = None
    def compute_reward(self, problem): ...
    def train_step(self, step):
        if step == 1:
            spec = importlib.util.find_spec("requests")
            spec.loader = importlib.util.LazyLoader(spec.loader)
            sys.modules["requests"] = module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        elif step == 2:
            print(type(sys.modules["requests"]).__name__)
            sys.modules["requests"].Session
        else:
            print(hasattr(sys.modules["requests"].Session.send, "__wrapped__"))

trainer = Trainer()
trainer.reward_computer = trainer
instrument(trainer, run=False, console=0, jsonl=False)
for step in (1, 2, 3):
    trainer.train_step(step)
"""


def test_a_lazy_module_stays_asleep_and_is_hooked_at_the_flush_after_it_woke(tmp_path):
    done = python("-c", LAZY, cwd=tmp_path)
    assert done.stdout.split() == ["_LazyModule", "True"], done.stderr
