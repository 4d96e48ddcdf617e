"""The startup file: where it is, what is in it, whether Python hears it."""

from __future__ import annotations

import base64
import hashlib
import site
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.activation.finder import Finder
from llm_telemetry.doctor.installed import NAME, find_distribution
from llm_telemetry.runs.findings import Finding, Severity, show_path
from llm_telemetry.words import VARIABLE

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from llm_telemetry.doctor.case import Case

FILE = f"{NAME}.start" if sys.version_info >= (3, 15) else f"{NAME}.pth"
AGAIN = f"pip install --force-reinstall --no-deps {NAME}"
INSTEAD = "llm-telemetry run train.py, or instrument(trainer)"
_PROBE = f"import sys; print(any(type(f).__module__ == {Finder.__module__!r} for f in sys.meta_path))"
_finding = partial(Finding, "startup file")


class Heard(NamedTuple):
    """What became of `LLM_TELEMETRY=1` in a fresh Python."""

    live: bool
    said: str
    """The last line of its standard error."""


def check_startup(case: Case) -> list[Finding]:
    """Look for the file where Python looks for it, and ask a fresh Python."""
    files = [folder / FILE for folder in site_folders() if (folder / FILE).is_file()]
    findings = [_check_live(files, ask_python(case.environ)), *map(_check_content, files)]
    if files:
        findings.append(_finding(Severity.DETAIL, f"to remove it: pip uninstall {NAME}; or delete this one file"))
    if sys.flags.no_site:
        findings.append(_finding(Severity.BROKEN, "this Python runs with -S, and reads no startup file", INSTEAD))
    return findings


def site_folders() -> list[Path]:
    """Return the folders whose startup files Python reads."""
    own = site.getusersitepackages() if site.ENABLE_USER_SITE else None
    return [Path(folder) for folder in dict.fromkeys([*site.getsitepackages(), *([own] if own else [])])]


def ask_python(environ: Mapping[str, str]) -> Heard:
    """Start a fresh Python with `LLM_TELEMETRY=1`, and see whether the finder is in place."""
    clean = {name: value for name, value in environ.items() if not name.startswith(VARIABLE)}
    try:
        done = subprocess.run(  # noqa: S603 - this very Python, and a program of our own
            [sys.executable, "-c", _PROBE],
            env={**clean, VARIABLE: "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Heard(live=False, said=str(error))
    return Heard(done.stdout.split()[-1:] == ["True"], (done.stderr.splitlines() or [""])[-1])


def _check_live(files: list[Path], heard: Heard) -> Finding:
    if heard.live:
        return _finding(Severity.OK, "LLM_TELEMETRY=1 is heard: a fresh Python has the finder in place")
    deaf = partial(_finding, Severity.BROKEN)
    if files:
        shown = show_path(files[0])
        what = f"LLM_TELEMETRY=1 is not heard, though {shown} is there"
        if _is_hidden(files[0].stat()):
            return deaf(f"{what}: the file is hidden, and Python skips it", f"chflags nohidden {shown}")
        return deaf(f"{what}{heard.said and ': ' + heard.said}", f"{AGAIN}; without it: {INSTEAD}")
    astray = next((Path(folder) for folder in sys.path if folder and (Path(folder) / FILE).is_file()), None)
    if astray is None:
        what = f"LLM_TELEMETRY=1 is not heard: there is no {FILE} in this Python's site directories"
        return deaf(what, f"{AGAIN}; without it: {INSTEAD}")
    where = "which is no site directory of this Python (pip install --target, PYTHONPATH)"
    return deaf(f"LLM_TELEMETRY=1 is not heard: {FILE} lies in {show_path(astray)}, {where}", INSTEAD)


def _is_hidden(status: os.stat_result) -> bool:
    """Tell whether macOS or Windows hides a file, as Python's own `site` does."""
    mac, windows = getattr(status, "st_flags", 0), getattr(status, "st_file_attributes", 0)
    return bool(mac & stat.UF_HIDDEN or windows & stat.FILE_ATTRIBUTE_HIDDEN)


def _check_content(file: Path) -> Finding:
    """Show what is in the file, and hold it against what was installed."""
    content = " ".join(file.read_text(encoding="utf-8", errors="replace").split("\n")).strip()
    own = find_distribution()
    record = next((path.hash for path in (own and own.files) or () if path.name == FILE), None)
    digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
    if record is not None and record.value != digest:
        return _finding(Severity.BROKEN, f"{show_path(file)} is not what was installed: {content}", AGAIN)
    return _finding(Severity.DETAIL, f"{show_path(file)}: {content}")
