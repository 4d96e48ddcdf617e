"""The page in a real browser: charts drawn, nothing on the console, nothing fetched, from a number to its evidence.

Needs Playwright's package and Debian's chromium: `tests/matrix browser` installs both.
"""

import os
import re
import shutil

import pytest

pytest.importorskip("playwright", reason="needs playwright: ./tests/matrix browser")

from playwright import sync_api

from llm_telemetry.report.page import make_page
from llm_telemetry.report.report import make_report
from llm_telemetry.runs.find import read_run
from tests.support.made_runs import fallen_run, proof

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: ./tests/matrix browser"),
    pytest.mark.filterwarnings("ignore"),  # Playwright's own
]
EVIDENCE = {
    12: [
        proof(12, answer="<script>document.title='owned'</script>"),
        proof(12, source="gsm8k", failure="empty", answer=""),
    ],
    40: [proof(40, answer="The answer, I think, is plausible.")],
}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    paths = [fallen_run(folder / "first.jsonl", evidence=EVIDENCE), fallen_run(folder / "second.jsonl", seed=2)]
    (folder / "page.html").write_text(make_page(make_report([read_run(path) for path in paths])))
    return folder / "page.html"


@pytest.fixture
def visit(browser, file):
    """Open the page as a reader has it; whatever is said on the console, thrown or fetched fails the test."""
    heard, contexts = [], []

    def open_page(**reader):
        contexts.append(browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **reader}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


def first(page, section, what):
    return page.locator(f".run [data-section={section}] {what}").first


def shown_evidence(page):
    return page.locator(".evidence article:visible").count()


def test_every_chart_has_lines_of_some_height(visit):
    page = visit()
    assert page.locator("figure.chart").count() == 1 + 2 * 4
    boxes = page.evaluate(
        "[...document.querySelectorAll('figure.chart svg')].map(svg => svg.getBoundingClientRect().height)"
    )
    assert min(boxes) > 100
    heights = page.evaluate(
        "[...document.querySelectorAll('[data-section=datasets] path.line')].map(p => p.getBBox().height)"
    )
    assert min(heights) > 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_themes_and_the_button_changes_them(visit, scheme):
    page = visit(color_scheme=scheme)

    def contrast():
        back, text = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        light, dark = sorted((luminance(back), luminance(text)), reverse=True)
        return luminance(back) < 0.5, (light + 0.05) / (dark + 0.05)

    is_dark, ratio = contrast()
    assert (is_dark, ratio > 7) == (scheme == "dark", True)
    page.click("#theme")
    is_dark, ratio = contrast()
    assert (is_dark, ratio > 7) == (scheme == "light", True)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_page_fits_a_phone(visit):
    page = visit(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_numbers_under_the_pointer_are_told(visit):
    page = visit()
    first(page, "datasets", ".area").hover(position={"x": 2, "y": 50})
    told = first(page, "datasets", ".tip").text_content()
    assert re.fullmatch(r"step 1: gsm8k \d+ % · math \d+ % · mmlu \d+ %", told)


def test_a_line_can_be_switched_off_and_is_then_not_told(visit):
    page = visit()
    button = first(page, "datasets", ".legend button:has-text('math')")
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert not first(page, "datasets", "g[data-series='1'] path").is_visible()
    first(page, "datasets", ".area").hover(position={"x": 2, "y": 50})
    assert "math" not in first(page, "datasets", ".tip").text_content()


def test_a_dataset_s_name_leads_to_its_evidence_and_back_to_all(visit):
    page = visit()
    assert shown_evidence(page) == 3
    first(page, "datasets", "a:has-text('math')").click()
    assert shown_evidence(page) == 2
    assert page.locator(".evidence output").first.text_content() == "source math: 2 captured"
    assert "The answer, I think, is plausible." in page.locator(".evidence article:visible").last.inner_text()
    page.click(".evidence .filter button:visible")
    assert shown_evidence(page) == 3


def test_a_step_of_a_chart_leads_to_its_evidence(visit):
    page = visit()
    area = first(page, "judge", ".area")
    box = area.bounding_box()
    area.click(position={"x": box["width"] * (12 - 1) / 59, "y": 40})
    assert page.locator(".evidence output").first.text_content() == "step 12: 2 captured"
    assert shown_evidence(page) == 2


def test_the_keyboard_reaches_the_same(visit):
    page = visit()
    figure = first(page, "judge", "figure.chart")
    figure.focus()
    for key in ("Home", *["ArrowRight"] * 11):
        figure.press(key)
    assert first(page, "judge", ".tip").text_content().startswith("step 12: ")
    figure.press("Enter")
    assert shown_evidence(page) == 2


def test_what_a_judge_said_is_text_and_never_run(visit):
    page = visit()
    assert page.title() == "2 runs"
    assert "<script>document.title='owned'</script>" in page.locator(".evidence article").first.inner_text()


def test_without_a_script_everything_is_there(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("path.line").count() > 20
    assert shown_evidence(page) == 3
    assert not page.locator("#theme").is_visible()


def test_printed_it_has_its_charts_and_no_buttons(visit):
    page = visit()
    page.emulate_media(media="print")
    assert first(page, "datasets", "path.line").is_visible()
    assert not page.locator("#theme").is_visible()
