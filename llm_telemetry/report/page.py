"""The report as a page of its own: one file, no network, no library; names and texts in it are data, never markup."""

from __future__ import annotations

import base64
import hashlib
import sys
import webbrowser
from collections import defaultdict
from html import escape
from importlib.resources import files
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any

from llm_telemetry.report.charts import draw_chart
from llm_telemetry.runs.findings import MARKS, Severity, show_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from llm_telemetry.report.report import Report, RunReport
    from llm_telemetry.report.sections import Figures, Section
    from llm_telemetry.runs.findings import Finding

MOST_EVIDENCE = 300
"""Captured evaluations on a page; beyond, those of each dataset and kind take turns."""
_FIELDS = (("answer", "the judge's words"), ("returned", "the function returned"), ("error", "error"))
_NONE = (
    "No evidence was captured, so no number here leads to the judge's words. "
    "<code>instrument(trainer, capture_failures=3)</code>, or <code>LLM_TELEMETRY_CAPTURE_FAILURES=3</code>, keeps the "
    "first three failed or contradictory evaluations of each step."
)


def write_page(report: Report, path: Path, *, show: bool = False) -> None:
    """Write the page, say where it is, and open it in the browser if that is wanted.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(make_page(report), encoding="utf-8")
    sys.stdout.write(f"{show_path(path)}: {path.stat().st_size / 1000:,.0f} kB, opens in any browser\n")
    if show:
        webbrowser.open(path.resolve().as_uri())


def make_page(report: Report) -> str:
    """Return the page."""
    style, script = (files(__package__).joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    title = report.runs[0].title if len(report.runs) == 1 else f"{len(report.runs)} runs"
    names = [section.title for section in report.sections] + [run.title for run in report.runs]
    nav = "".join(f'<a href="#run-{i}">{escape(name)}</a>' for i, name in enumerate(names)) if len(names) > 1 else ""
    compared = "".join(f'<div id="run-{i}">{_section(section, i)}</div>' for i, section in enumerate(report.sections))
    runs = "".join(_run(run, i, names[i] if nav else "") for i, run in enumerate(report.runs, len(report.sections)))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{style}</style></head><body>'
        f'<header><h1>{escape(title)}</h1><button type="button" id="theme" hidden>light / dark</button><nav>{nav}</nav>'
        f"</header><main>{compared}{runs}</main><script>{script}</script></body></html>\n"
    )


def _run(run: RunReport, number: int, title: str) -> str:
    sections = "".join(_section(section, number) for section in run.sections)
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    findings = "".join(_finding(finding) for finding in run.findings if finding.severity is not Severity.DETAIL)
    return (
        f'<div class="run" id="run-{number}">{heading}{sections}'
        f'<section class="card"><h3>What was not seen, and what is wrong?</h3><ul class="findings">{findings}</ul>'
        f"</section>{_evidence(run.evidence, number)}</div>"
    )


def _section(section: Section, run: int) -> str:
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in section.sentences)
    charts = "".join(map(draw_chart, section.charts))
    tables = "".join(_table(figures, run) for figures in section.figures if figures.rows)
    return (
        f'<section class="card" data-section="{section.name}"><h3>{escape(section.title)}</h3>'
        f'<ul class="answers">{sentences}</ul>'
        f'<div class="two">{charts}{tables}</div></section>'
    )


def _table(figures: Figures, run: int) -> str:
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in figures.heads)
    rows = "".join(
        f"<tr>{_first_cell(row[0], figures.about, run)}{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in figures.rows
    )
    return (
        f'<div class="scroll"><table><caption>{escape(figures.title)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _first_cell(name: str, about: str, run: int) -> str:
    """Return the name of a row; where evidence can be about it, as a link to that evidence."""
    if not about:
        return f'<th scope="row">{escape(name)}</th>'
    wanted = "" if name == "all" else escape(name)
    link = f'<a href="#evidence-{run}" data-about="{about}" data-name="{wanted}">{escape(name)}</a>'
    return f'<th scope="row"{" data-all" * (not wanted)}>{link}</th>'


def _finding(finding: Finding) -> str:
    kind = finding.severity.name.lower()
    to_do = f"<small>{escape(finding.to_do)}</small>" if finding.to_do else ""
    return f'<li><b class="{kind}">{MARKS[finding.severity]}</b>{escape(finding.sentence)}{to_do}</li>'


def _evidence(captured: Sequence[Mapping[str, Any]], run: int) -> str:
    chosen = _choose(captured)
    cut = (
        f" {len(chosen):,} of {len(captured):,} are here; all are in the JSONL." if len(chosen) < len(captured) else ""
    )
    articles = "".join(map(_article, chosen))
    tools = f"<output>{len(chosen):,} captured</output><button type='button' hidden>show all</button>"
    inside = f'<div class="filter">{tools}</div>{articles}' if chosen else f"<p>{_NONE}</p>"
    what = f"failed or contradictory evaluations of the judge, as they were captured.{cut}"
    head = f"<h3>Evidence <small>{what}</small></h3>"
    return f'<section class="card evidence" id="evidence-{run}" tabindex="-1">{head}{inside}</section>'


def _choose(captured: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return at most `MOST_EVIDENCE` of them, those of each dataset and kind in turn, in the order of their steps."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for one in captured:
        groups[str(one.get("source")), str(one.get("failure"))].append(one)
    in_turn = (one for one in chain.from_iterable(zip_longest(*groups.values())) if one is not None)
    return sorted(islice(in_turn, MOST_EVIDENCE), key=lambda one: str(one.get("step", "")).rjust(9))


def _article(one: Mapping[str, Any]) -> str:
    data = {name: str(one.get(name) or "") for name in ("step", "split", "source", "judge", "failure", "outcome")}
    failure = data["failure"] or ("contradicted" if one.get("disagreed") else data["outcome"])
    attributes = "".join(f' data-{name}="{escape(data[name])}"' for name in ("step", "source", "judge", "failure"))
    head = f"step {data['step']} · {data['source']} · {failure} · {data['judge']}"
    if data["split"] == "val":
        head += " · validation"
    texts = ((label, str(one.get(name) or "")) for name, label in _FIELDS)
    told = "".join(f"<dt>{label}</dt><dd><pre>{escape(text)}</pre></dd>" for label, text in texts if text)
    return f"<article{attributes}><strong>{escape(head)}</strong><dl>{told}</dl></article>"
