"""`llm-telemetry run --dry`: real programs that end before anything happens, and what is said of them."""

import textwrap
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from llm_telemetry.doctor.dry_run import _Look
from tests.support.children import python
from tests.support.left_runs import said

TRAINER = """
    class Rewards:
        def compute_reward(self, prediction, source): ...
        def ask_judge(self, prediction): ...

    class Trainer:
        def __init__(self):
            self.rewards = Rewards()
        def train_step(self, step):
            print("a step was taken")
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str
    left: list


@pytest.fixture
def dry(tmp_path):
    def run(program, **environ):
        (tmp_path / "train.py").write_text(textwrap.dedent(program))
        command = ("-m", "llm_telemetry", "run", "--dry", "train.py")
        done = python(*command, cwd=tmp_path, check=False, **environ)
        left = [path.name for path in tmp_path.iterdir() if path.name != "train.py"]
        return Done(done.returncode, " ".join(done.stdout.split()), done.stderr, left)

    return run


@pytest.fixture
def server():
    """A server that counts what reaches it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_error(500)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}/v1", asked=asked)
    server.shutdown()
    server.server_close()


def test_an_unedited_program_ends_before_its_trainers_first_step(dry):
    done = dry(TRAINER + "\n    import openai\n    openai.OpenAI(api_key='k')\n    Trainer().train_step(1)\n")
    assert (done.code, done.err, done.left) == (0, "", [])
    assert "a step was taken" not in done.out
    assert "ok trainer __main__.Trainer would be watched" in done.out
    assert "step __main__.Trainer.train_step" in done.out
    assert "reward __main__.Rewards.compute_reward" in done.out
    assert "judges __main__.Rewards.ask_judge" in done.out
    assert "-- missing no executor found" in done.out
    assert "there is no W&B run so far" in done.out
    assert done.out.endswith("Stopped before the first step: no LLM call was made.")


def test_a_program_that_calls_instrument_ends_there(dry):
    program = TRAINER + "\n    from llm_telemetry import instrument\n    instrument(Trainer())\n    print('went on')\n"
    done = dry(program)
    assert (done.code, done.left) == (0, [])
    assert "went on" not in done.out
    assert "__main__.Trainer would be watched" in done.out


def test_the_programs_own_clean_up_is_done(dry):
    program = TRAINER + "\n    try:\n        Trainer().train_step(1)\n    finally:\n        print('cleaned up')\n"
    assert "cleaned up" in dry("import openai\n" + textwrap.dedent(program)).out


def test_no_llm_call_is_made_even_by_a_program_that_swallows_everything(dry, server):
    program = f"""
        import openai
        client = openai.OpenAI(api_key="k", base_url="{server.url}", max_retries=0)
        for _ in range(3):
            try:
                client.chat.completions.create(model="m", messages=[])
            except BaseException:
                print("swallowed")
    """
    done = dry(program)
    assert server.asked == []
    assert done.code == 1
    assert done.out.count("swallowed") == 1
    assert "!! trainer an LLM call was about to be made, and no trainer was found before it" in done.out
    assert "LLM_TELEMETRY_TRAINER=module:Class" in done.out


def test_a_script_of_functions_is_found_before_its_first_call(dry, server):
    program = f"""
        import openai
        def compute_reward(problem, prediction):
            client = openai.OpenAI(api_key="k", base_url="{server.url}", max_retries=0)
            client.chat.completions.create(model="m", messages=[])
            return 1.0
        compute_reward("2 + 2?", "4")
    """
    done = dry(program)
    assert (done.code, server.asked) == (0, [])
    assert "reward __main__.compute_reward" in done.out


def test_a_trainer_in_a_thread_ends_the_program_too(dry):
    threaded = """
    import openai, threading, time
    openai.OpenAI(api_key="k")
    thread = threading.Thread(target=Trainer().train_step, args=(1,))
    thread.start()
    thread.join()
    print("went on")
    """
    done = dry(TRAINER + threaded)
    assert done.code == 0
    assert "would be watched" in done.out
    assert "went on" not in done.out


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)"])
def test_a_program_without_a_trainer_is_told(dry, end):
    done = dry(f"print('hello')\n{end}\n")
    assert done.code == 1
    assert done.out.startswith("hello !! trainer your program")
    assert done.out.endswith("Nothing would be watched.")


def test_what_the_program_raises_is_shown_as_python_shows_it(dry):
    done = dry("1 / 0\n")
    assert done.code == 1
    assert done.err.startswith('Traceback (most recent call last):\n  File "')
    assert "llm_telemetry" not in done.err
    assert "ZeroDivisionError" in done.err


@pytest.mark.parametrize(
    ("report_to", "told"),
    [
        (["wandb"], "report_to names it: the run starts with the training"),
        (["all"], "report_to names it"),
        ([], "report_to=[]: there will be no run; payloads go to the JSONL alone"),
        (["tensorboard"], "there will be no run"),
        (None, "there is no W&B run so far"),
    ],
)
def test_a_hugging_face_trainers_report_to_says_whether_there_will_be_a_run(nobodys_machine, report_to, told):
    trainer = SimpleNamespace(args=SimpleNamespace(report_to=report_to))
    assert told in said(_Look({})._check_wandb(trainer))
