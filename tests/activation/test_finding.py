"""`LLM_TELEMETRY=1`: which trainers are watched, from their first step to their last, in real programs."""

import shutil

import pytest

from tests.activation.conftest import PROGRAMS

LONG = pytest.mark.long
IN_MAIN = [[("val", 0), ("train", 1), ("train", 2)]]
LIBRARIES = ("httpx", pytest.param("requests", marks=LONG), pytest.param("aiohttp", marks=LONG))
NOT_WATCHED = "has a step method, but no executor and no reward computer, and is not watched."


@LONG
def test_imported_trainers_of_all_sorts_and_a_class_that_only_looks_like_one(train):
    done = train(PROGRAMS / "imported.py")
    assert done.code == 0
    assert done.steps == [[("train", 1), ("train", 2)]] * 5
    assert [line["payload"]["judge/calls"] for lines in done.trainers for line in lines] == [1] * 10
    assert done.out.splitlines()[0] == "Trainer gone"  # not kept alive
    assert "alive" not in done.out
    assert done.err.count(f"Net {NOT_WATCHED}") == 1
    assert done.err.count("Net") == 2  # in one line


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        pytest.param("python", ["in_main.py"], id="plain"),
        pytest.param("python", ["-m", "in_main"], id="module", marks=LONG),
        pytest.param("llm-telemetry", ["run", "in_main.py"], id="launcher", marks=LONG),
        pytest.param("llm-telemetry", ["run", "-m", "in_main"], id="launcher-module", marks=LONG),
    ],
)
def test_a_trainer_in_the_main_file(train, tmp_path, program, arguments):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train(*arguments, program=program)
    assert (done.code, done.err) == (0, "")
    assert done.steps == IN_MAIN
    assert done.trainers[0][1]["payload"]["llm/executor/calls"] == 1


@LONG
def test_the_launcher_finds_what_a_plain_start_finds_too_late(train, tmp_path):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    assert train("late.py").steps == [[("train", 2)]]
    shutil.rmtree(tmp_path / "llm_telemetry")
    assert train("run", "late.py", program="llm-telemetry").steps == [[("train", 1), ("train", 2)]]


@pytest.mark.parametrize(
    ("how", "first"),
    [
        ("beside", 4),
        pytest.param("within", 2, marks=LONG),
        pytest.param("elsewhere", 2, marks=LONG),
        pytest.param("half", 2, marks=LONG),
    ],
)
def test_what_is_rolled_out_before_the_first_step_is_counted_with_it(train, tmp_path, how, first):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("early.py", how)
    assert (done.code, done.err) == (0, "")
    (lines,) = done.trainers
    assert [line["step"] for line in lines] == list(range(1 if how == "half" else 2))
    assert lines[0]["payload"]["dataset/count"] == lines[0]["payload"]["llm/executor/calls"] == first
    assert lines[0]["payload"]["dataset/accuracy"] == (100 if how == "half" else 0)


def test_what_is_watched_is_said_in_one_line(train, tmp_path):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("in_main.py", LLM_TELEMETRY_CONSOLE="100", LLM_TELEMETRY_FOLDER="llm_telemetry")
    assert done.err.splitlines()[0] == (
        "llm_telemetry: watching __main__.Trainer: step Trainer.train_step, validation Trainer.evaluate, executor "
        "Executor.execute_workflow, reward RewardComputer.compute_reward, judges RewardComputer._llm_judge_compare; "
        "payloads in llm_telemetry/"
    )


def test_a_program_that_calls_llms_and_is_not_watched_is_told_what_to_do(train, tmp_path):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("silent.py")
    assert (done.code, done.out) == (0, "assistant\n")
    (line,) = done.err.splitlines()
    assert line.startswith("llm_telemetry: 1 LLM call, and nothing was watched: no object of a class with a method ")
    assert "LLM_TELEMETRY_TRAINER=module:Class.step_method" in line
    assert train("silent.py", LLM_TELEMETRY="").err == ""
    named = train("silent.py", LLM_TELEMETRY_TRAINER="__main__:Trainer.one_round")
    assert named.steps == [[("train", 1)]]
    assert "nothing was watched" not in named.err


@LONG
def test_a_name_that_the_main_program_does_not_have_is_told(train, tmp_path):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    told = "llm_telemetry: LLM_TELEMETRY_TRAINER names __main__:Typo, but there was no such name in this program"
    assert told in train("silent.py", LLM_TELEMETRY_TRAINER="__main__:Typo").err.splitlines()


@LONG
def test_named_trainers(train, tmp_path):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    named = "shapes:Oddly.one_round, shapes:Net,shapes:Nope,__main__:Mine.turn"
    done = train("named.py", LLM_TELEMETRY_TRAINER=named)
    assert done.code == 0
    assert sorted(done.steps) == [[("train", 1)], [("train", 1)], [("train", 1), ("train", 2)]]
    assert "LLM_TELEMETRY_TRAINER names shapes:Nope, but the module has no such name" in done.err
    assert NOT_WATCHED not in done.err
    shutil.rmtree(tmp_path / "llm_telemetry")
    again = train("run", "--trainer", named, "named.py", program="llm-telemetry")
    assert sorted(again.steps) == sorted(done.steps)


def test_nothing_is_watched_without_the_variable(train):
    done = train(PROGRAMS / "imported.py", LLM_TELEMETRY="")
    assert (done.code, done.err, done.trainers) == (0, "", [])


@LONG
def test_what_code_has_said_stands(train, tmp_path):
    done = train(PROGRAMS / "edges.py", "released")
    assert done.steps == [[("train", 7)]]
    done = train(PROGRAMS / "edges.py", "given", LLM_TELEMETRY_THRESHOLD="0.7")
    assert done.out == "elsewhere 0.7\n"
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    assert len(done.trainers) == 1  # of the first


def test_a_waiting_class_is_as_it_was(train):
    done = train(PROGRAMS / "edges.py", "pickles")
    assert done.out.splitlines()[:4] == [
        "3 4",
        "(self, batch) Net.train_step",
        "True wrapper_descriptor",
        done.out.splitlines()[3],
    ]
    assert "exec_module" not in done.out
    assert done.out.endswith("SourceFileLoader True\n")


def test_nothing_is_woken_by_being_looked_at(train):
    done = train(PROGRAMS / "edges.py", "strange")
    assert done.out == "[] batch batch\n"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        pytest.param({"LLM_TELEMETRY": "0"}, None, id="off"),
        pytest.param({"LLM_TELEMETRY": "sure"}, "LLM_TELEMETRY='sure' must be 1, true", id="on"),
        pytest.param(
            {"LLM_TELEMETRY_CONSOLE": "-1"}, "LLM_TELEMETRY_CONSOLE='-1' must be a whole number", id="console"
        ),
        pytest.param({"LLM_TELEMETRY_TRAINER": "x"}, "LLM_TELEMETRY_TRAINER='x' must be module:Class", id="trainer"),
        pytest.param({"LLM_TELEMETRY_PRICES": "prices.json"}, "LLM_TELEMETRY_PRICES: prices['m'] must be", id="prices"),
    ],
)
def test_off_and_bad_values_give_a_handle_that_works(train, tmp_path, variables, told):
    (tmp_path / "prices.json").write_text('{"m": 1}')
    done = train(PROGRAMS / "edges.py", "handle", **variables)
    assert (done.code, done.trainers) == (0, [])
    assert done.out.splitlines()[0].endswith(" None True")
    lines = [line for line in done.err.splitlines() if line.startswith("llm_telemetry: ")]
    assert [line.startswith(f"llm_telemetry: {told}") for line in lines] == ([True] if told else [])
    if variables.get("LLM_TELEMETRY"):
        assert "function True" in done.out


def test_a_failure_of_ours_does_not_reach_the_import(full, tmp_path):
    (tmp_path / "wrapt.py").write_text("raise RuntimeError('broken\\nwrapt')")
    (tmp_path / "user.py").write_text("class T:\n    def train_step(self): return 'trained'\n")
    done = full.run("-c", "import user; print(user.T().train_step())", cwd=tmp_path, LLM_TELEMETRY="1")
    assert (done.out, done.code) == ("trained\n", 0)
    assert done.err == (
        "llm_telemetry: looking for trainers failed (RuntimeError: broken wrapt). "
        "Your program goes on, with less telemetry.\n"
    )


def test_nothing_is_imported_before_there_is_something_to_watch(full, tmp_path):
    (tmp_path / "user.py").write_text("class T:\n    def fit(self): pass\n")
    heavy = ("wrapt", "openai", "llm_telemetry.api")
    shown = f"import user, json, httpx, sys; print([name for name in {heavy} if name in sys.modules])"
    assert full.run("-c", shown, cwd=tmp_path, LLM_TELEMETRY="1").out == "[]\n"


@pytest.mark.parametrize(("how", "steps"), [((), [0, 1, 2]), pytest.param(("named",), [0, 10, 20], marks=LONG)])
def test_a_script_of_functions_has_a_payload_for_each_row_that_it_logs(train, tmp_path, how, steps):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("functions.py", *how, LLM_TELEMETRY_FOLDER="llm_telemetry", WANDB_MODE="offline", WANDB_SILENT="true")
    assert (done.code, done.out) == (0, "done\n"), done.err
    (lines,) = done.trainers
    assert [line["step"] for line in lines] == steps
    payloads = [line["payload"] for line in lines]
    assert [payload["dataset/count"] for payload in payloads] == [2, 2, 2]
    assert [payload["llm/judge/calls"] for payload in payloads] == [2, 2, 2]
    assert [payload["llm/executor/calls"] for payload in payloads] == [2, 2, 2]
    assert payloads[-1]["cost/total_samples"] == 6


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        pytest.param("python", ["functions.py", "at once"], id="plain"),
        pytest.param("python", ["-m", "functions", "at once"], id="module", marks=LONG),
        pytest.param("llm-telemetry", ["run", "functions.py", "at once"], id="launcher", marks=LONG),
    ],
)
def test_the_first_call_of_a_script_has_its_role_and_its_rollout(train, tmp_path, program, arguments):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train(
        *arguments,
        program=program,
        LLM_TELEMETRY_FOLDER="llm_telemetry",
        WANDB_MODE="offline",
        WANDB_SILENT="true",
    )
    assert (done.code, done.out) == (0, "done\n"), done.err
    (lines,) = done.trainers
    for payload in (line["payload"] for line in lines):
        assert (payload["llm/executor/calls"], payload["llm/judge/calls"]) == (2, 2)
        assert (payload["dataset/count"], payload["dataset/unmatched_rewards"]) == (2, 0)
        assert payload["dataset/accuracy"] in (0, 100)
        assert "llm/other/calls" not in payload


@LONG
def test_a_script_that_is_found_in_a_judge_s_call_says_what_it_does_not_see_of_it(train, tmp_path):
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("judged.py")
    assert done.code == 0
    (lines,) = done.trainers
    assert [line["split"] for line in lines] == ["eval"]
    payload = lines[0]["payload"]
    assert {key: payload[f"eval/{key}"] for key in ("count", "unscored", "accuracy", "llm/judge/calls")} == {
        "count": 3,
        "unscored": 1,
        "accuracy": 100,
        "llm/judge/calls": 3,
    }
    assert done.err.count("was at work when this script was found") == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_calls_by_plain_http_that_nobody_hears_are_told_at_the_end(train, tmp_path, library):
    pytest.importorskip(library)
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("plain_http.py", library, "alone")
    assert (done.code, done.out, done.trainers) == (0, "done\n", [])
    assert done.err.count("1 LLM call, and nothing was watched") == 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_script_that_calls_by_plain_http_is_watched_from_its_first_call(train, tmp_path, library):
    pytest.importorskip(library)
    shutil.copytree(PROGRAMS, tmp_path, dirs_exist_ok=True)
    done = train("plain_http.py", library, "rewarded")
    assert (done.code, done.out) == (0, "done\n"), done.err
    ((line,),) = done.trainers
    told = ("llm/executor/calls", "dataset/count", "dataset/unscored", "dataset/accuracy")
    assert [line["payload"].get(key) for key in told] == [2, 2, 1, 100]  # the first reward function was not hooked yet
    assert done.err.count("1 of 2 rollouts of this step have got no reward") == 1
