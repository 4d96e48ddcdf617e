"""The questions that people ask: dataset statistics are empty, judge statistics do not move, there are no logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.doctor.findings import Finding, format_count, show_path
from llm_telemetry.doctor.runs import RECENT

if TYPE_CHECKING:
    from llm_telemetry.doctor.case import Case
    from llm_telemetry.doctor.runs import LastRun

_SOURCE = "pass source=… to compute_reward or the executor, or put it into the items; or instrument(trainer, items=…)"


def check_answers(case: Case) -> list[Finding]:
    """Answer each question, for the last run."""
    run = case.last_run
    if run is None:
        return [_no_logs(case)]
    return [_answer_logs(run), *_answer_dataset(run), _answer_judge(run)]


def _no_logs(case: Case) -> Finding:
    """Say why there may be no JSONL."""
    where = show_path(case.folder) if case.folder is not None else f"{show_path(case.wandb_folder)}, llm_telemetry"
    what = f"offline logs: there is no JSONL of ours in {where}"
    if case.environ.get("LLM_TELEMETRY", "").lower() in ("0", "false", "no", "off"):
        return Finding(False, f"{what}, and LLM_TELEMETRY turns us off", "unset LLM_TELEMETRY, or set it to 1")
    sinks = case.environ.get("LLM_TELEMETRY_SINKS", "")
    if sinks.strip() and "jsonl" not in sinks.lower():
        return Finding(False, f"{what}, and LLM_TELEMETRY_SINKS turns it off", "add jsonl to LLM_TELEMETRY_SINKS")
    advice = (
        "it is made when the first step ends, of a program run with LLM_TELEMETRY=1 or instrument(trainer); "
        "if it is elsewhere: llm-telemetry doctor --folder FOLDER"
    )
    return Finding(False if case.run_folders or case.folder is not None else None, what, advice)


def _answer_logs(run: LastRun) -> Finding:
    return Finding(True, f"offline logs: every payload is in {show_path(run.path)}")


def _answer_dataset(run: LastRun) -> list[Finding]:
    """Say whether rollouts were counted, and if not, what was missing."""
    count = run.sums["dataset/count"] + run.sums["val/count"]
    if not count:
        return [_empty_dataset(run)]
    names = {key.split("/")[1] for key in run.latest if key.startswith(("dataset/", "val/")) and key.endswith("/count")}
    sources = sorted(names - {"count", "judge"})
    findings = []
    if not any(key.endswith("/avg_reward") for key in run.latest if key.startswith(("dataset/", "val/"))):
        what = "dataset statistics: rollouts are counted, but none got a reward, so all count as wrong"
        findings.append(Finding(False, what, 'no reward computer was found: instrument(trainer, reward="path.method")'))
    if sources == ["unknown"]:
        what = "dataset statistics: all rollouts are of the source unknown: no item says which dataset it is from"
        findings.append(Finding(False, what, _SOURCE))
    listed = f"{', '.join(sources[:8])}{', …' if len(sources) > 8 else ''}"  # noqa: PLR2004 - a line's length
    return findings or [Finding(True, f"dataset statistics: {format_count(count, 'rollout')} of {listed}")]


def _empty_dataset(run: LastRun) -> Finding:
    if not any(key.startswith("llm/") for key in run.latest):
        what = "dataset statistics are empty: not one LLM call and not one rollout was seen in the steps"
        advice = "does another process make them, or a client that is not known? See docs/how-it-works.md"
    else:
        what = "dataset statistics are empty: calls were seen, but neither an executor nor a reward computer was found"
        advice = 'name them: instrument(trainer, executor="path.method", reward="path.method")'
    return Finding(False, what, advice)


def _answer_judge(run: LastRun) -> Finding:
    """Say whether the judge's statistics move, and if not, why."""
    if not run.sums["judge/evaluations"]:
        return _silent_judge(run)
    totals = {payload.get("judge/total_calls") for payload in run.recent}
    stuck = (
        len(run.recent) == RECENT
        and len(totals) == 1
        and None not in totals
        and all("dataset/count" in one for one in run.recent)
    )
    if stuck:
        what = (
            f"judge statistics do not move: none was asked for in the last {RECENT} steps, though rollouts were counted"
        )
        advice = "the reward is computed without the judge: by a rule or a cache, or an earlier failure turned it off"
        return Finding(False, what, advice)
    return Finding(True, f"judge statistics: {format_count(run.sums['judge/evaluations'], 'evaluation')}")


def _silent_judge(run: LastRun) -> Finding:
    if run.sums["llm/judge/calls"]:
        calls = format_count(run.sums["llm/judge/calls"], "call")
        what = f"judge statistics do not move: {calls} of a judge, but its function was not found"
        return Finding(False, what, 'name it: instrument(trainer, judge="method"), a method of the reward computer')
    what = "judge statistics: no judge was asked; if there is one, it was not seen"
    return Finding(
        None, what, "is it called through a known client, in this process or a child with LLM_TELEMETRY set?"
    )
