"""What is installed, and whether it is supported: the minimums are those of the installed distribution itself."""

from __future__ import annotations

import platform
import re
import sys
from functools import partial
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from typing import TYPE_CHECKING

from llm_telemetry.runs.findings import Finding, Severity

if TYPE_CHECKING:
    from llm_telemetry.doctor.case import Case

NAME = "llm_telemetry"
NEWEST_MAJOR = {"openai": 3}
"""The newest major version that is known to work, where a newer one may be another library altogether."""
_REQUIREMENT = re.compile(r"([\w.-]+)\s*\(?(?:>=\s*([\d.]+))?")
_PYTHON = "Programming Language :: Python :: 3."
_finding = partial(Finding, "installed")


def check_installed(_case: Case) -> list[Finding]:
    """Hold the versions against what the distribution asks for."""
    own = find_distribution()
    if own is None:
        what = f"{NAME} is importable, but not installed in this Python ({platform.python_version()})"
        return [_finding(Severity.BROKEN, what, f"pip install {NAME}")]
    needed = sorted(text for text in own.requires or () if "extra ==" not in text)
    found = [_check_python(own), _finding(Severity.OK, f"{NAME} {own.version}"), *map(_check_package, needed)]
    well = ", ".join(finding.sentence for finding in found if finding.severity is Severity.OK)
    return [_finding(Severity.OK, well), *(finding for finding in found if finding.severity is not Severity.OK)]


def find_distribution() -> Distribution | None:
    """Return our own distribution, `None` where only the files are there."""
    try:
        return distribution(NAME)
    except PackageNotFoundError:
        return None


def _check_python(own: Distribution) -> Finding:
    classifiers = own.metadata.get_all("Classifier") or []
    tested = [int(text.removeprefix(_PYTHON)) for text in classifiers if text.startswith(_PYTHON)]
    here = f"Python {platform.python_version()}"
    if not tested or min(tested) <= sys.version_info.minor <= max(tested):
        return _finding(Severity.OK, here)
    return _finding(Severity.NOTE, f"{here}: not tested; 3.{min(tested)} to 3.{max(tested)} are")


def _check_package(requirement: str) -> Finding:
    match = _REQUIREMENT.match(requirement)
    assert match is not None, requirement
    name, least = match[1], match[2] or "0"
    try:
        here = version(name)
    except PackageNotFoundError:
        return _finding(Severity.BROKEN, f"{name} is not installed", f"pip install '{name}>={least}'")
    newest = NEWEST_MAJOR.get(name)
    if _release(here) < _release(least):
        what = f"{name} {here}: too old, {least} is the least"
        return _finding(Severity.BROKEN, what, f"pip install '{name}>={least}'")
    if newest is not None and _release(here)[0] > newest:
        what = f"{name} {here}: not supported yet"
        return _finding(Severity.BROKEN, what, f"pip install '{name}<{newest + 1}'")
    return _finding(Severity.OK, f"{name} {here}")


def _release(text: str) -> tuple[int, ...]:
    """Return a version's numbers; what comes after them (`rc1`, `.post1`) decides nothing here."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else (0,)
