"""The doctor and the startup file of a real installation."""

import shutil

import pytest

from tests.activation.conftest import HERE
from tests.activation.test_startup import PTH

FILE = "llm_telemetry.pth"


@pytest.fixture(scope="module")
def own(install, tmp_path_factory):
    """An installation that these tests may change; in the one for all, other workers' programs start meanwhile."""
    return install(HERE, tmp_path_factory.mktemp("own"))


@pytest.fixture
def startup(own, tmp_path):
    """Run the doctor of the installation, and return what it says of the startup file."""
    kept = (own.site / FILE).read_bytes()

    def run(*options, **variables):
        done = own.run(
            *options, "-m", "llm_telemetry", "doctor", "--verbose", cwd=tmp_path, HOME=str(tmp_path), **variables
        )
        return done.code, "\n".join(line for line in done.out.splitlines() if "  startup file  " in line)

    yield run
    (own.site / FILE).write_bytes(kept)


def test_a_live_startup_file_is_shown_with_all_that_is_in_it(startup):
    code, said = startup()
    assert code == 0
    assert "ok  startup file  LLM_TELEMETRY=1 is heard" in said
    assert f"{FILE}: {PTH.decode()}" in said
    assert "to remove it: pip uninstall llm_telemetry" in said


def test_a_startup_file_that_was_removed_is_told(startup, own):
    (own.site / FILE).unlink()
    code, said = startup()
    assert code == 1
    assert "!!  startup file  LLM_TELEMETRY=1 is not heard: " in said


def test_a_startup_file_that_was_changed_is_told(startup, own):
    (own.site / FILE).write_bytes(PTH + b"import keyword\n")
    code, said = startup()
    assert code == 1
    assert f"{FILE} is not what was installed: {PTH.decode().strip()} import keyword" in said


def test_where_next_to_nothing_is_installed_the_doctor_says_so(venv, tmp_path):
    done = venv.run("-m", "llm_telemetry", "doctor", cwd=tmp_path, HOME=str(tmp_path))
    assert done.err == ""
    assert done.code == (0 if ", openai " in done.out else 1)
    for name in ("openai", "wandb", "genai-prices"):
        assert f" {name} " in done.out
        assert f", {name} " in done.out or f"{name} is not installed\n" in done.out


def test_a_target_that_python_does_not_read_startup_files_in_is_told(startup, own, tmp_path):
    shutil.copy(own.site / FILE, tmp_path / FILE)
    (own.site / FILE).unlink()
    code, said = startup(PYTHONPATH=str(tmp_path))
    assert code == 1
    assert "which is no site directory of this Python (pip install --target, PYTHONPATH)" in said
