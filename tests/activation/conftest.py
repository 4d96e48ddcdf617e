"""A real wheel, built once, in real venvs of every Python that is here."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache, partial
from pathlib import Path

import pytest

from llm_telemetry.demo.models import CALM, demo_server
from tests.support.children import PATIENCE

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def find_python(version):
    """Return an interpreter of this version: the running one, one of pyenv's, or one on the path."""
    if version == HERE:
        return sys.executable
    own = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    found = str(own[-1]) if own else shutil.which(f"python{version}")
    works = (
        found
        and subprocess.run([found, "-c", "import venv, sysconfig"], capture_output=True, check=False).returncode == 0
    )
    return found if works else None


def pip(*arguments, python=None):
    given = [] if python is None else ["--python", str(python)]
    subprocess.run([sys.executable, "-m", "pip", *given, "-q", *map(str, arguments)], check=True, cwd="/")


def isolation():
    """Build with the hatchling that is here; without one, pip fetches it."""
    return ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []


class Done:
    """How a child has ended."""

    def __init__(self, completed):
        self.code, self.out, self.err = completed.returncode, completed.stdout, completed.stderr


class Venv:
    """A venv without pip; one of the running version may also see what is installed here."""

    def __init__(self, folder, python, *, with_dependencies):
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
        self.bin = folder / "bin"
        self.site = next((folder / "lib").glob("python3.*")) / "site-packages"
        here = Path(sysconfig.get_path("purelib"))
        if with_dependencies:
            (self.site / "zz_dependencies.pth").write_text(f"{here}\n")
        else:  # wrapt does without its extension module, and is all that hooks on a class need
            (self.site / "wrapt").symlink_to(here / "wrapt")

    def run(self, *arguments, cwd, program="python", **variables):
        """Run a child with no variable of ours but those given."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("LLM_TELEMETRY", "PYTHON", "COVERAGE"))}
        return Done(
            subprocess.run(
                [str(self.bin / program), *map(str, arguments)],
                cwd=cwd,
                env={**environ, "WANDB_MODE": "disabled", **variables},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        )


@pytest.fixture(scope="session")
def wheel(shared):
    def build(folder):
        pip("wheel", "--no-deps", *isolation(), "-w", folder, ROOT)
        return next(folder.glob("*.whl"))

    return shared.give("wheel", build)


@pytest.fixture(scope="session")
def make_venv(tmp_path_factory):
    """Make a venv of a version, this worker's own or in the folder given."""

    def make(version, folder=None):
        python = find_python(version)
        if python is None:
            pytest.skip(f"there is no Python {version} on this machine")
        return Venv(folder or tmp_path_factory.mktemp("venv"), python, with_dependencies=version == HERE)

    return make


@pytest.fixture(scope="session")
def install(make_venv, wheel):
    """Make a venv of a version with the wheel in it, in the folder given."""

    def make(version, folder):
        venv = make_venv(version, folder)
        pip("install", "--no-compile", "--no-deps", "--no-index", wheel, python=venv.bin / "python")
        return venv

    return make


@pytest.fixture(scope="session")
def installed(shared, install):
    """Give the venv of a version with the wheel in it, made once for all; nobody may change it."""
    return cache(lambda version: shared.give(f"venv-{version}", partial(install, version)))


def among(version, *values):
    """One case of a version; another Python than the running one has an environment of its own in tests/matrix."""
    return pytest.param(version, *values, marks=() if version == HERE else pytest.mark.long)


@pytest.fixture(params=map(among, SUPPORTED))
def venv(request, installed):
    """Every supported Python, with the wheel and nothing else (here: and all that is installed here)."""
    return installed(request.param)


def everywhere(name, values, few):
    """Parametrise: all values with the running Python, a few with each of the others."""
    cases = [among(version, value) for version in SUPPORTED for value in (values if version == HERE else few)]
    ids = [
        f"{version}-{'-'.join(value) if isinstance(value, list) else value}"
        for version, value in (case.values for case in cases)
    ]
    return pytest.mark.parametrize(("venv", name), cases, ids=ids, indirect=["venv"])


@pytest.fixture
def full(installed):
    """The running Python, with the wheel and everything it needs."""
    return installed(HERE)


@pytest.fixture(scope="session")
def server():
    with demo_server(day=CALM) as running:
        yield running


@pytest.fixture
def train(full, server, tmp_path):
    """Run a training program with telemetry on; returns the child and, for each JSONL, its payloads."""

    def run(*arguments, program="python", **variables):
        variables = {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_CONSOLE": "0", **variables}
        done = full.run(*arguments, program=program, cwd=tmp_path, TEST_URL=server.base_url, **variables)
        files = sorted((tmp_path / "llm_telemetry").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        done.trainers = [[*map(json.loads, file.read_text().splitlines())] for file in files]
        done.steps = [[(line["split"], line["step"]) for line in lines] for lines in done.trainers]
        return done

    return run


def without_addresses(text):
    return re.sub(r"0x[0-9a-f]+", "0x…", text)
