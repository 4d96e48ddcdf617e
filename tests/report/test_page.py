"""The page as a file: small, closed to the network and to what names and texts would inject, true to the points."""

import json
import math
import re
from html.parser import HTMLParser

import pytest

from llm_telemetry.cli import main
from llm_telemetry.report.charts import PARTS, draw_chart, escape_json
from llm_telemetry.report.page import MOST_EVIDENCE, make_page
from llm_telemetry.report.report import make_report
from llm_telemetry.report.sections import Chart, Series
from llm_telemetry.runs.find import read_run
from llm_telemetry.runs.history import Point
from tests.support.made_runs import fallen_run, payload, proof, write_run

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&amp;"


class Seen(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def page_of(*paths):
    return make_page(make_report([read_run(path) for path in paths]))


def data_of(html):
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', html)]


@pytest.mark.usefixtures("nobodys_machine")
def test_the_command_writes_the_page_and_says_where(tmp_path, capsys):
    fallen_run(tmp_path / "a.jsonl")
    assert main(["report", "--html", "deep/out.html"]) == 0
    assert re.fullmatch(r"deep/out\.html: \d+ kB, opens in any browser\n", capsys.readouterr().out)
    assert (tmp_path / "deep" / "out.html").read_text().startswith("<!doctype html>")


@pytest.mark.usefixtures("nobodys_machine")
@pytest.mark.parametrize("place", ["folder", "file/page.html"])
def test_a_page_that_cannot_be_written_is_said_in_a_line(tmp_path, capsys, place):
    fallen_run(tmp_path / "a.jsonl")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert main(["report", "--html", place]) == 2
    assert capsys.readouterr().err.startswith(f"llm-telemetry report: {place} cannot be written: ")


def test_1000_steps_of_6_datasets_are_under_2_mb_with_all_evidence(tmp_path):
    evidence = {step: [proof(step, answer="because " * 250)] * 3 for step in range(1, 1001)}
    steps = [payload(s, {f"d{i}": (s * 7 * i) % 101 for i in range(6)}, judge=(1, 0, 0)) for s in range(1, 1001)]
    page = page_of(write_run(tmp_path / "a.jsonl", steps, evidence=evidence))
    assert len(page.encode()) < 2_000_000
    assert page.count("<article") == MOST_EVIDENCE
    assert f"{MOST_EVIDENCE} of 3,000 are here; all are in the JSONL." in page


def test_nothing_in_names_and_texts_becomes_markup(tmp_path):
    evil = dict.fromkeys((EVIL.replace("/", ""), "plain"), 50)
    captured = [proof(1, source=EVIL, failure=EVIL, answer=EVIL, returned=EVIL, error=EVIL, judge=EVIL)]
    path = write_run(
        tmp_path / "<b>x.jsonl",
        [payload(1, evil, **{f"judge/failures/{EVIL[:20]}": 1})],
        run=EVIL,
        evidence={1: captured},
    )
    seen = Seen(page_of(path))
    assert {tag for tag, _ in seen.tags if tag in ("img", "b", "iframe")} <= {"b"}
    assert [attrs for tag, attrs in seen.tags if tag == "script" and attrs != {"type": "application/json"}] == [{}]
    assert not any(name.startswith("on") for _, attrs in seen.tags for name in attrs)
    (article,) = [attrs for tag, attrs in seen.tags if tag == "article"]
    assert (article["data-source"], article["data-failure"], article["data-judge"]) == (EVIL, EVIL, EVIL)
    assert EVIL in seen.text


def test_json_in_the_page_cannot_end_its_script():
    assert "<" not in escape_json({"</script>": "<!--"})
    assert json.loads(escape_json({"</script>": "<!-- & é"})) == {"</script>": "<!-- & é"}


def test_nothing_is_fetched_and_no_other_script_may_run(tmp_path):
    seen = Seen(page_of(fallen_run(tmp_path / "a.jsonl")))
    assert not any(attrs.keys() & {"src", "srcset", "action"} for _, attrs in seen.tags)
    assert all(attrs["href"].startswith("#") for tag, attrs in seen.tags if tag == "a")
    assert not any(tag in ("link", "base", "object", "form") for tag, _ in seen.tags)
    (policy,) = [attrs["content"] for tag, attrs in seen.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


def test_no_id_is_twice_and_every_link_leads_somewhere(tmp_path):
    page = page_of(fallen_run(tmp_path / "a.jsonl", evidence={3: [proof(3)]}), fallen_run(tmp_path / "b.jsonl", seed=2))
    seen = Seen(page)
    ids = [attrs["id"] for _, attrs in seen.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"].removeprefix("#") for tag, attrs in seen.tags if tag == "a"} <= set(ids)


def test_a_chart_has_every_point_where_it_belongs():
    series = [Series("a", [Point(0, 0), Point(5, 50), Point(10, 100)])]
    html = draw_chart(Chart("t", "%", series))
    assert 'd="M0 1000L500 500L1000 0"' in html
    assert data_of(html)[0]["lines"] == [{"name": "a", "x": [0, 5, 10], "y": [0, 50, 100]}]
    assert 'aria-label="t, % by step. a: first 0, last 100, lowest 0, highest 100."' in html


def test_a_long_line_is_thinned_without_losing_an_extreme_and_says_so():
    points = [Point(step, math.sin(step / 50) + 50) for step in range(20_000)]
    points[12_345], points[777] = Point(12_345, 99.5), Point(777, 0.25)
    html = draw_chart(Chart("t", "%", [Series("a", points)]))
    (line,) = data_of(html)[0]["lines"]
    assert len(line["x"]) <= 2 * PARTS + 2
    assert {(12_345, 99.5), (777, 0.25)} <= set(zip(line["x"], line["y"], strict=True))
    assert (line["x"][0], line["x"][-1]) == (0, 19_999)
    assert f"{len(line['x'])} of 20,000 points, every extreme among them" in html


@pytest.mark.parametrize("points", [[Point(3, 0.0)], [Point(3, 7.0)], [Point(1, 0.0), Point(2, 0.0)]])
def test_a_single_point_and_a_line_of_zeros_are_charts(points):
    html = draw_chart(Chart("t", "USD", [Series("a", points)]))
    assert "nan" not in html
    assert "inf" not in html


def test_a_chart_without_a_point_is_left_out():
    assert draw_chart(Chart("t", "%", [Series("a", [])])) == ""


def test_where_no_evidence_was_captured_the_page_says_how_to_get_it(tmp_path):
    page = page_of(fallen_run(tmp_path / "a.jsonl"))
    assert "LLM_TELEMETRY_CAPTURE_FAILURES=3" in page


def test_of_much_evidence_each_dataset_and_kind_has_its_share(tmp_path):
    evidence = {s: [proof(s, source="big")] * 20 for s in range(1, 101)} | {
        101: [proof(101, source="rare", failure="empty")]
    }
    page = page_of(write_run(tmp_path / "a.jsonl", [payload(s, {}) for s in range(1, 102)], evidence=evidence))
    assert page.count('data-source="big"') == MOST_EVIDENCE - 1
    assert page.count('data-source="rare"') == 1


@pytest.mark.parametrize("count", [0, 50])
def test_no_dataset_and_50_datasets_are_a_page(tmp_path, count):
    steps = [payload(s, {f"d{i}": 1.0 * i for i in range(count)}) for s in (1, 2)]
    page = page_of(write_run(tmp_path / "a.jsonl", steps))
    # of accuracies 8 lines, of dots that of each dataset, and the line of what a step costs
    groups = [attrs for tag, attrs in Seen(page).tags if tag == "g"]
    assert sum(attrs.get("class") != "off" for attrs in groups if attrs) == min(count, 8) + count + 1


def test_the_script_has_no_library_and_no_markup_in_it(tmp_path):
    page = page_of(fallen_run(tmp_path / "a.jsonl"))
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write"):
        assert way not in page


def test_64_judges_and_numbers_that_are_none_are_a_page(tmp_path):
    judges = {
        f"judge/judge_{i}/{key}": value for i in range(64) for key, value in (("calls", 9), ("success_rate", 1.0))
    }
    steps = [payload(s, {"math": 50}, judge=(1, 0, 0)) | judges | {"odd": math.nan} for s in (1, 2)]
    page = page_of(write_run(tmp_path / "a.jsonl", steps))
    assert all(f'data-name="judge_{i}"' in page for i in range(64))
    assert "2 lines or numbers cannot be read" in page
