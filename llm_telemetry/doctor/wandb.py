"""W&B: in which mode a run would begin, and whether a key is configured; which key is nobody's business."""

from __future__ import annotations

import configparser
import netrc
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_telemetry.runs.findings import Finding, Severity, show_path
from llm_telemetry.sinks.jsonl import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.doctor.case import Case

_DEFAULT = "default"
_SAAS = "https://api.wandb.ai"
_KEYS = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")
_UNSEEN = "what would be watched, and why not: llm-telemetry run --dry train.py"
_finding = partial(Finding, "W&B")
_MEANS = {
    "online": "runs go to the server",
    "offline": "runs stay on disk until `wandb sync` uploads them",
    "disabled": "there is no run; the JSONL goes to llm_telemetry",
}


def check_wandb(case: Case) -> list[Finding]:
    """Tell mode, login and the latest run."""
    settings = _read_settings(case)
    mode, origin = _find_mode(case.environ, settings)
    findings = [_finding(Severity.NOTE, f"mode {mode} ({origin}): {_MEANS.get(mode, 'unknown here')}")]
    if mode not in ("offline", "disabled"):
        findings.append(_check_login(case, settings, origin))
    return [*findings, *_check_latest(case)]


def _read_settings(case: Case) -> dict[str, str]:
    """Return what W&B's own two settings files say; the folder's wins."""
    home = Path(case.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read([home / "settings", case.wandb_folder / "settings"], encoding="utf-8")
    except (configparser.Error, UnicodeError):
        return {}
    return dict(parser["default"]) if parser.has_section("default") else {}


def _find_mode(environ: Mapping[str, str], settings: Mapping[str, str]) -> tuple[str, str]:
    names = {"dryrun": "offline", "run": "online"}
    for mode, origin in ((environ.get("WANDB_MODE"), "WANDB_MODE"), (settings.get("mode"), "W&B's settings file")):
        if mode:
            return names.get(mode, mode), origin
    return "online", _DEFAULT


def _check_login(case: Case, settings: Mapping[str, str], origin: str) -> Finding:
    host = urlsplit(case.environ.get("WANDB_BASE_URL") or settings.get("base_url") or _SAAS).netloc
    key = _find_key(host, case.environ, settings)
    if key is not None:
        return _finding(Severity.OK, f"a key for {host} is configured ({key})")
    what = f"no key for {host} is configured: an online run would ask for one, or fail"
    online = any(not folder.name.startswith("offline-") for folder in case.run_folders)
    if online or origin != _DEFAULT or "WANDB_PROJECT" in case.environ:
        return _finding(Severity.WARNING, what, "wandb login; or WANDB_MODE=offline")
    if case.run_folders:
        return _finding(Severity.NOTE, f"{what}; so far your runs are offline")
    return _finding(Severity.NOTE, what, "if your trainer calls wandb.init(): wandb login; or WANDB_MODE=offline")


def _find_key(host: str, environ: Mapping[str, str], settings: Mapping[str, str]) -> str | None:
    """Say where a key is configured."""
    set_ = next((name for name in _KEYS if environ.get(name)), None)
    if set_ is not None:
        return set_
    if _is_in_netrc(host, environ):
        return "netrc"
    return "W&B's settings file" if settings.get("api_key") else None


def _is_in_netrc(host: str, environ: Mapping[str, str]) -> bool:
    paths = [environ["NETRC"]] if environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    file = next((path for path in (Path(p).expanduser() for p in paths) if path.exists()), None)
    try:
        return file is not None and not {host, "default"}.isdisjoint(netrc.netrc(file).hosts)
    except (netrc.NetrcParseError, OSError, UnicodeError):
        return False


def _check_latest(case: Case) -> list[Finding]:
    """Say so where the latest run has no JSONL of ours."""
    if not case.run_folders:
        return []
    folder, run = case.run_folders[-1], case.last_run
    elsewhere = run is not None and run.run_id is not None and folder.name.endswith(f"-{run.run_id}")
    if elsewhere or (folder / FILE_NAME).exists():
        return [_finding(Severity.DETAIL, f"latest run: {show_path(folder)}")]
    what = f"latest run: {show_path(folder)}; it was not watched: there is no {FILE_NAME}"
    return [_finding(Severity.NOTE, what, _UNSEEN)]
