"""What the documents say is so: keys, settings, hooks, numbers, Python blocks, links."""

import importlib.util
import itertools
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from llm_telemetry.alarm.alarm import Alarm, tell
from llm_telemetry.clients import replies
from llm_telemetry.clients.libraries import LIBRARIES
from llm_telemetry.collectors.keys import CATALOGUE
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import CALM, demo_server
from llm_telemetry.demo.trainer import GRPOTrainer
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, Evaluation
from llm_telemetry.names import STEP_METHODS, VALIDATION_METHODS
from llm_telemetry.settings.config import SETTINGS as ROWS
from llm_telemetry.settings.limits import LIMITS, Limits
from llm_telemetry.sinks.wandb.rows import COLUMNS, TABLES
from llm_telemetry.sources import SourceNames
from llm_telemetry.trainers import by_shape as grpo
from llm_telemetry.trainers import registry
from tests.support.children import lines_of

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
METRICS = ROOT / "docs" / "metrics.md"
SETTINGS = ROOT / "docs" / "settings.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def page_id(page):
    return str(page.relative_to(ROOT))


# --- the keys of the payload


def script(name):
    """Load one of the scripts that refresh the documents."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_the_tables_of_keys_are_made_from_the_catalogue():
    text = METRICS.read_text(encoding="utf-8")
    assert script("from_catalogue").with_tables(text) == text, "run: python docs/from_catalogue.py"
    documented = set(re.findall(r"^\| `([^`]+)`", text, re.MULTILINE))
    assert {(key.names() or key.names("eval"))[0] for key in CATALOGUE} - documented == set()


def test_the_tables_in_wandb_and_their_columns_are_those_of_the_code():
    rows = list(table_rows(METRICS))
    start = next(i for i, row in enumerate(rows) if row[0] == "table in W&B") + 1
    documented = [row[0].strip("`") for row in itertools.islice(rows, start, start + len(TABLES))]
    assert documented == list(TABLES.values())
    start = next(i for i, row in enumerate(rows) if row[0] == "field, and column") + 1
    documented = [row[0].strip("`") for row in itertools.islice(rows, start, start + len(COLUMNS))]
    assert tuple(documented) == COLUMNS


def test_every_kind_of_error_is_documented():
    told = {*replies._STATUS_KINDS.values(), *replies._NAME_KINDS.values(), "bad_request", "cancelled", "other"}
    assert error_kinds() == told


def test_every_kind_of_failed_evaluation_is_documented():
    assert sorted(failure_kinds("API failure")) == sorted(API_FAILURES)
    assert sorted(failure_kinds("parse failure")) == sorted(PARSE_FAILURES)


# --- settings and hooks


def test_every_setting_is_documented_with_its_default():
    rows = [row for row in table_rows(SETTINGS) if len(row) == 3 and row[0].startswith("`")]
    documented = [(name.strip("`"), default.strip("`"), says) for name, default, says in rows]
    assert documented == [(row.name, repr(row.default), row.says) for row in ROWS]


def test_every_limit_of_the_alarm_is_documented_with_its_default():
    rows = [row for row in table_rows(SETTINGS) if len(row) == 4 and row[0].startswith("`")]
    documented = [(name.strip("`"), default.strip("`"), says) for name, default, _, says in rows]
    assert documented == [(row.name, repr(row.default), row.says) for row in LIMITS]


def test_the_names_that_are_looked_for_are_those_of_the_code():
    rows = {row[0]: re.findall(r"`(\w+)`", row[2]) for row in table_rows(SETTINGS) if len(row) == 3}
    found = {kind.what: list(kind.methods) for kind in (grpo.EXECUTOR, grpo.REWARD, grpo.ITEMS)}
    found |= {"step": list(STEP_METHODS), "validation": list(VALIDATION_METHODS)}
    assert {part: rows[part] for part in found} == found


def test_every_hook_on_a_client_is_in_the_table():
    text = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    here = [library for library in LIBRARIES if importlib.util.find_spec(library)]
    for library in here:
        importlib.import_module(library)
    rows = [row for library in here for row in LIBRARIES[library].rows()]
    hooked = {name for row in rows for name in (row.owner.__name__, row.name)}
    assert len(hooked) > 20
    assert {name for name in hooked if f"`{name}`" not in text} == set()


# --- what it costs


def test_the_readme_quotes_what_was_measured():
    text = README.read_text(encoding="utf-8")
    begins, ends = "<!-- quoted from benchmarks/RESULTS.md -->\n", "\n<!-- end of the quote -->"
    quote = text[text.index(begins) + len(begins) : text.index(ends)]
    assert "llm_telemetry" in quote
    assert f"\n{quote}\n" in (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")


# --- the numbers of the README


@pytest.fixture(scope="module")
def demo_steps(demo_run):
    """The payloads of the first steps of `make demo`, by step."""
    return {line["step"]: line["payload"] for line in demo_run("usual").lines if line["split"] == "train"}


def test_the_payload_in_the_readme_is_the_demo_s(demo_steps):
    from_demo = script("from_demo")
    shown = from_demo.payload_in(README.read_text(encoding="utf-8"))
    actual = demo_steps[from_demo.STEP]
    assert shown == {key: round(actual[key], from_demo.DIGITS) for key in shown}, "run: python docs/from_demo.py"


def test_what_the_readme_says_of_that_step_is_so(demo_steps):
    text = README.read_text(encoding="utf-8")
    before, after = (demo_steps[step] for step in (2, 3))
    assert f"The accuracy of the step before was {before['dataset/accuracy']:.1f} %" in text
    assert after["dataset/accuracy"] >= before["dataset/accuracy"]
    fall = [payload["dataset/gsm8k/accuracy"] for payload in (before, after)]
    assert f"`gsm8k` has fallen from {fall[0]:.0f} % to {fall[1]:.0f} %" in text
    assert 100 < len(after) < 300  # "more than a hundred keys"


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
    with demo_server(day=CALM) as server:
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, steps=1, batch_size=6, group_size=2, defect_rate=0))
        yield trainer
        trainer.close()


def test_there_are_python_blocks_in_the_readme_and_on_extending():
    assert {page_id(block.page) for block in BLOCKS} >= {"README.md", "docs/extending.md"}
    assert {block.heading for block in BLOCKS} >= set(SHOWN)


def test_an_adapter_is_shown_whole_in_under_60_lines():
    shown = [block.code for block in BLOCKS if block.heading == "A kind of trainer of your own"]
    assert [len(code.splitlines()) < 60 for code in shown] == [True]


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
    payload = lines_of(telemetry.path)[-1]["payload"]
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
    alarm = Alarm(Limits(), SourceNames())
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


def test_a_simulated_judge_that_goes_bad_is_told_and_one_that_stays_well_is_not():
    judges = script("from_judges")
    assert judges.told_at(2, None) is None
    for number, goes_bad in enumerate(judges.BAD.values(), 1):
        assert judges.told_at(10_000 * number + 2, goes_bad) in range(judges.BAD_FROM, judges.BAD_FROM + 50)


def test_the_page_tells_of_a_thousand_healthy_runs_with_at_most_ten_false_alarms():
    page = (ROOT / "docs" / "judge-trust.md").read_text(encoding="utf-8")
    runs, told = re.search(r"\| stays well \| ([\d,]+) \| (\d+) ", page).groups()
    assert (runs, int(told) <= 10) == ("1,000", True)
    assert all(f"| {name} |" in page for name in script("from_judges").BAD)
