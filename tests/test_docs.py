"""What the documents say is so: keys, settings, hooks, numbers, Python blocks, links."""

import asyncio
import importlib.util
import itertools
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from llm_telemetry import Config, instrument
from llm_telemetry.alarm.alarm import Alarm, tell
from llm_telemetry.clients import replies
from llm_telemetry.clients.libraries import LIBRARIES
from llm_telemetry.collectors.eval_stats import COUNTERS
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.faults import Faults
from llm_telemetry.demo.server import DemoServer
from llm_telemetry.demo.trainer import GRPOTrainer
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, ROLES, Evaluation
from llm_telemetry.names import STEP_METHODS, VALIDATION_METHODS
from llm_telemetry.settings.limits import DEFAULTS
from llm_telemetry.sinks.wandb.rows import COLUMNS, TABLES
from llm_telemetry.sources import SourceNames
from llm_telemetry.trainers import by_shape as grpo
from llm_telemetry.trainers import registry
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Executor, Memory, RewardComputer, Trainer, ask, sync_client, train_step, watch
from tests.support.wandb_model import ModelRun

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
METRICS = ROOT / "docs" / "metrics.md"
SETTINGS = ROOT / "docs" / "settings.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def page_id(page):
    return str(page.relative_to(ROOT))


# --- the keys of the payload


class Pattern(NamedTuple):
    text: str
    window: str
    regex: re.Pattern

    def matches(self, key):
        return self.regex.fullmatch(key) is not None


def table_rows(page):
    """Yield the cells of every row of every table."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("|") and "---" not in line:
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def error_kinds():
    rows = list(table_rows(METRICS))
    start = next(i for i, row in enumerate(rows) if row[0] == "`{kind}`") + 1
    return {row[0].strip("`") for row in itertools.takewhile(lambda row: len(row) == 2, rows[start:])}


def failure_kinds(what):
    rows = list(table_rows(METRICS))
    start = next(i for i, row in enumerate(rows) if row[0] == "`{failure}`" and what in row[1]) + 1
    told = itertools.takewhile(lambda row: len(row) == 2 and row[0] != "`{failure}`", rows[start:])
    return [name for row in told for name in re.findall(r"`(\w+)`", row[0])]


def patterns():
    failures = "|".join(failure_kinds("API failure") + failure_kinds("parse failure"))
    holes = {
        "{source}": "[a-z0-9_]+",
        "{role}": "|".join(ROLES),
        "{kind}": "|".join(error_kinds()),
        "{failure}": failures,
    }
    found = []
    for row in table_rows(METRICS):
        if len(row) == 4 and row[0].startswith("`"):
            text = row[0].strip("`")
            regex = re.escape(text)
            for hole, inside in holes.items():
                regex = regex.replace(re.escape(hole), f"(?:{inside})")
            found.append(Pattern(text, row[1], re.compile(regex)))
    return found


PATTERNS = patterns()


class Run(ModelRun):
    """A W&B run as far as the payload is concerned."""

    id = "r"
    resumed = False

    def __init__(self, folder):
        super().__init__()
        self.dir = str(folder / "files")


def worst_day(tmp_path):
    """The demo's trainer, every fault on, training and validation, with a W&B run."""
    memory = Memory()
    settings = {"steps": 2, "batch_size": 12, "group_size": 2, "val_every": 1, "val_samples": 18, "concurrency": 12}
    with DemoServer(seed=0, faults=Faults.everything()) as server:
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, workflow_timeout=3.0, **settings))
        with instrument(trainer, folder=tmp_path, console=0, run=Run(tmp_path), sinks=[memory]):
            asyncio.run(trainer.train())
        trainer.close()
    return memory.payloads


def trained_and_validated(trainer, tmp_path):
    """A step, and a validation."""
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    asyncio.run(trainer.evaluate_on_val_set(1))
    telemetry.uninstrument()
    return memory.payloads


def graded_judge(tmp_path):
    """A judge that gives grades."""

    def grade(problem, prediction, ground_truth):
        client = trainer.reward_computer.llm_judge_client
        client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": "Grade it."}])
        return 0.7

    trainer = Trainer(reward_computer=RewardComputer(grade))
    return trained_and_validated(trainer, tmp_path)


def careful_judge(tmp_path):
    """A judge that takes samples, and compares in both orders."""

    def choose(problem, prediction, ground_truth):
        client = trainer.reward_computer.llm_judge_client
        for pair in (f"{prediction} or {ground_truth}0?", f"{ground_truth}0 or {prediction}?"):
            for _ in range(3):
                client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": pair}])
        return True

    trainer = Trainer(reward_computer=RewardComputer(choose))
    return trained_and_validated(trainer, tmp_path)


def every_role(tmp_path):
    """A policy that is called through a client of its own, and a call outside of everything."""

    async def work(problem):
        policy.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": problem}])
        return await Executor().answer(problem)

    class Asking(Trainer):
        async def train_step(self, step):
            await ask("What else?")
            return await super().train_step(step)

    policy = sync_client()
    trainer = Asking(executor=Executor(work))
    telemetry, memory = watch(trainer, tmp_path, policy=policy)
    train_step(trainer)
    telemetry.uninstrument()
    return memory.payloads


def other_clients(tmp_path):
    """An executor that asks Anthropic by plain HTTP, and a cache that is written to."""
    usage = {"input_tokens": 5, "output_tokens": 7, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 0}
    body = {"type": "message", "model": "claude-haiku-4-5", "content": [{"type": "text", "text": "4"}], "usage": usage}

    async def work(problem):
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
        async with httpx.AsyncClient(transport=transport) as client:
            await client.post("http://llm.test/v1/messages", json={"model": "claude-haiku-4-5", "messages": []})
        return "4", 0.0, {"success": True}

    trainer = Trainer(executor=Executor(work), reward_computer=RewardComputer(lambda *_: True))
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    telemetry.uninstrument()
    return memory.payloads


@pytest.fixture(scope="module")
def emitted(tmp_path_factory):
    """The payloads of all scenarios."""
    payloads = worst_day(tmp_path_factory.mktemp("worst"))
    with openai_api() as api:
        api.post("/chat/completions").side_effect = lambda _: chat("Score: 7/10")
        payloads += graded_judge(tmp_path_factory.mktemp("graded"))
        payloads += every_role(tmp_path_factory.mktemp("roles"))
        api.post("/chat/completions").side_effect = lambda _: chat("[[A]]")
        payloads += careful_judge(tmp_path_factory.mktemp("careful"))
    payloads += other_clients(tmp_path_factory.mktemp("clients"))
    return payloads


@pytest.fixture(scope="module")
def keys(emitted):
    return {key for payload in emitted for key in payload.values}


def test_every_emitted_key_is_documented_exactly_once(keys):
    documented = {key: [pattern.text for pattern in PATTERNS if pattern.matches(key)] for key in keys}
    assert {key: texts for key, texts in documented.items() if len(texts) != 1} == {}


def test_every_documented_key_is_emitted(keys):
    missing = [pattern.text for pattern in PATTERNS if not any(map(pattern.matches, keys))]
    assert missing == []


def test_the_tables_in_wandb_and_their_columns_are_those_of_the_code():
    rows = list(table_rows(METRICS))
    start = next(i for i, row in enumerate(rows) if row[0] == "table in W&B") + 1
    documented = [row[0].strip("`") for row in itertools.islice(rows, start, start + len(TABLES))]
    assert documented == list(TABLES.values())
    start = next(i for i, row in enumerate(rows) if row[0] == "field, and column") + 1
    documented = [row[0].strip("`") for row in itertools.islice(rows, start, start + len(COLUMNS))]
    assert tuple(documented) == COLUMNS


def test_the_tables_are_no_keys_of_the_payload(keys):
    assert keys.isdisjoint(TABLES.values())
    assert not any(pattern.matches(key) for pattern in PATTERNS for key in TABLES.values())


def test_the_counters_that_are_compared_are_those_of_the_code():
    rows = list(table_rows(METRICS))
    start = next(i for i, row in enumerate(rows) if row[0] == "counter") + 1
    told = [name for row in rows[start : start + 5] for name in re.findall(r"`(\w+)`", row[0])]
    assert told == list(COUNTERS)


def test_every_role_is_emitted(keys):
    assert {key.split("/")[1] for key in keys if key.startswith("llm/")} == set(ROLES)


def test_every_kind_of_error_is_documented():
    told = {*replies._STATUS_KINDS.values(), *replies._NAME_KINDS.values(), "bad_request", "cancelled", "other"}
    assert error_kinds() == told


def test_every_kind_of_failed_evaluation_is_documented():
    assert sorted(failure_kinds("API failure")) == sorted(API_FAILURES)
    assert sorted(failure_kinds("parse failure")) == sorted(PARSE_FAILURES)


def test_the_documented_window_is_that_of_the_code(emitted):
    for payload in emitted:
        run = {key for key in payload.values if any(p.window == "run" and p.matches(key) for p in PATTERNS)}
        assert set(payload.totals) == run


def test_values_are_plain_numbers_in_their_documented_range(emitted):
    assert all(type(value) in (int, float) for payload in emitted for value in payload.values.values())
    rates = [v for p in emitted for k, v in p.values.items() if k.endswith(("_rate", "_ratio", "avg_score"))]
    assert all(0 <= rate <= 1 for rate in rates)
    assert any(0 < rate < 1 for rate in rates)


def test_the_sums_that_are_documented_add_up(emitted):
    own = [payload for payload in emitted if "telemetry/trainer_rows_dropped" in payload.values]  # one run's
    spent = sum(payload.values["cost/step_cost"] for payload in own)
    assert spent == pytest.approx(own[-1].values["cost/total_cost"], rel=1e-12)
    tokens = [(k, v) for p in own for k, v in p.values.items() if k.endswith(("/prompt", "/completion"))]
    assert sum(count for _, count in tokens) == own[-1].values["tokens/total"]


def test_nothing_failed_inside(emitted):
    assert {payload.values["telemetry/errors"] for payload in emitted} == {0}


# --- settings and hooks


def test_every_setting_is_documented_with_its_default():
    rows = [row for row in table_rows(SETTINGS) if len(row) == 3 and row[0].startswith("`")]
    documented = {name.strip("`"): default.strip("`") for name, default, _ in rows}
    assert documented == {f.name: repr(f.default) for f in fields(Config)}


def test_every_limit_of_the_alarm_is_documented_with_its_default():
    rows = [row for row in table_rows(SETTINGS) if len(row) == 4 and row[0].startswith("`")]
    documented = {name.strip("`"): default.strip("`") for name, default, *_ in rows}
    assert documented == {name: repr(value) for name, value in DEFAULTS._asdict().items()}


def test_the_names_that_are_looked_for_are_those_of_the_code():
    rows = {row[0]: re.findall(r"`(\w+)`", row[2]) for row in table_rows(SETTINGS) if len(row) == 3}
    found = {kind.what: list(kind.methods) for kind in (grpo.EXECUTOR, grpo.REWARD, grpo.ITEMS)}
    found |= {"step": list(STEP_METHODS), "validation": list(VALIDATION_METHODS)}
    assert {part: rows[part] for part in found} == found


def test_every_hook_on_a_client_is_in_the_table():
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    for library in LIBRARIES:
        importlib.import_module(library)
    rows = [row for library in LIBRARIES.values() for row in library.rows()]
    hooked = {name for row in rows for name in (row.owner.__name__, row.name)}
    assert len(hooked) > 20
    assert {name for name in hooked if f"`{name}`" not in text} == set()


# --- the numbers of the README


def from_demo():
    """Load the script that refreshes the README."""
    spec = importlib.util.spec_from_file_location("from_demo", ROOT / "docs" / "from_demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def demo_steps(tmp_path_factory):
    """The payloads of the first steps of `make demo`, by step."""
    memory = Memory()
    with DemoServer(seed=0) as server:
        # The demo's own timeout is shorter; a busy machine must not decide what is cancelled.
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, seed=0, workflow_timeout=5.0))
        with instrument(trainer, folder=tmp_path_factory.mktemp("demo"), console=0, run=False, sinks=[memory]):
            asyncio.run(trainer.train(from_demo().STEP))
        trainer.close()
    return {payload.step: dict(payload.values) for payload in memory.payloads}


def test_the_payload_in_the_readme_is_the_demo_s(demo_steps):
    script = from_demo()
    shown = script.payload_in(README.read_text(encoding="utf-8"))
    actual = demo_steps[script.STEP]
    assert shown == {key: round(actual[key], script.DIGITS) for key in shown}, "run: python docs/from_demo.py"


def test_what_the_readme_says_of_that_step_is_so(demo_steps):
    text = README.read_text(encoding="utf-8")
    before, after = (demo_steps[step] for step in (2, 3))
    assert f"The accuracy of the step before was {before['dataset/accuracy']:.1f} %" in text
    assert after["dataset/accuracy"] >= before["dataset/accuracy"]
    fall = [payload["dataset/commonsenseqa/accuracy"] for payload in (before, after)]
    assert f"`commonsenseqa` has fallen from {fall[0]:.0f} % to {fall[1]:.0f} %" in text
    assert 90 < len(after) < 110  # "the hundred keys"


def test_the_picture_in_the_readme_shows_every_dataset_of_the_demo(demo_steps):
    picture = (ROOT / "docs" / "demo.svg").read_text(encoding="utf-8")
    sources = {key.split("/")[1] for key in demo_steps[1] if key.startswith("dataset/") and key.count("/") == 2}
    assert {source for source in sources if source not in picture} == set()
    assert "@font-face" not in picture


# --- the Python blocks


class Block(NamedTuple):
    page: Path
    heading: str
    code: str


TRAPS = ROOT / "docs" / "wandb.md"
"""Its Python is a piece of a trainer that goes wrong: not to be run."""


def python_blocks():
    for page in PAGES:
        if page == TRAPS:
            continue
        heading = ""
        for part in re.split(r"^(#+ .*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
            if part.startswith("#"):
                heading = part.lstrip("# ")
            for code in re.findall(r"```python\n(.*?)```", part, re.DOTALL):
                yield Block(page, heading, code)


BLOCKS = list(python_blocks())

SHOWN = {
    "Your own trainer": lambda p: (p["dataset/sums/accuracy"], p["judge/sums/calls"]) == (100, 1),
    "No trainer at all": lambda p: (p["val/accuracy"], p["val/sums/count"]) == (0, 1),
    "A kind of trainer of your own": lambda p: (p["dataset/sums/accuracy"], p["judge/correct_count"]) == (100, 1),
    "Your own judges": lambda p: (p["judge/sums/calls"], p["judge/correct_count"]) == (1, 1),
    "Your own collector": lambda p: any(key.startswith("partly_right/") for key in p),
    "Your own judge parser": lambda p: p["judge/success_rate"] == 1,
    "Your own prices": lambda p: p["cost/unpriced_calls"] == 0,
}
"""What the payload must show after the blocks below these headings."""


@pytest.fixture
def trainer():
    """The demo's trainer, small, with a server that never fails."""
    with DemoServer(faults=Faults.none()) as server:
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, steps=1, batch_size=6, group_size=2, defect_rate=0))
        yield trainer
        trainer.close()


def test_there_are_python_blocks_in_the_readme_and_on_extending():
    assert {page_id(block.page) for block in BLOCKS} >= {"README.md", "docs/extending.md"}
    assert {block.heading for block in BLOCKS} >= set(SHOWN)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{page_id(block.page)}-{block.heading}")
def test_a_python_block_runs_as_it_stands(block, trainer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_registered", [])
    namespace = {"trainer": trainer, "__name__": "block"}
    exec(compile(block.code, page_id(block.page), "exec"), namespace)  # the very point of this test
    telemetry = namespace.get("telemetry")
    if telemetry is None:
        return
    telemetry.uninstrument()
    payload = [json.loads(line)["payload"] for line in telemetry.path.read_text().splitlines()][-1]
    assert payload["telemetry/errors"] == 0
    assert payload.get("dataset/count") or payload["val/count"]
    assert SHOWN.get(block.heading, lambda _: True)(payload)


# --- the alarm


def test_the_alarm_in_the_readme_is_what_such_a_judge_would_raise(caplog):
    def seen(source, outcome, failure=None):
        return Evaluation("train", source, outcome, None, False, failure=failure)

    window = [
        *[seen("gsm8k", "correct")] * 60,
        *[seen("math", "incorrect")] * 30,
        *[seen("math", "api_failure", "rate_limit")] * 20,
        *[seen("math", "api_failure", "timeout")] * 10,
    ]
    alarm = Alarm(DEFAULTS, SourceNames())
    for evaluation in window:
        alarm.add(evaluation)
    tell(alarm.check(12, None), [])
    assert caplog.messages[-1] in README.read_text(encoding="utf-8").splitlines()


# --- the links


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_inside_the_project_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if path.startswith(("http://", "https://")):
            continue
        found = page if not path else (page.parent / path).resolve()
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []
