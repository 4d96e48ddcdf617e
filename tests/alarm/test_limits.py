"""The limits of the alarm, as a setting and as a variable."""

import pytest

from llm_telemetry import InstrumentError
from llm_telemetry.runs import losses
from llm_telemetry.settings.limits import Limits, limits_of
from llm_telemetry.settings.variables import VariableError, configured


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"sucess_rate": 0.9}, "there is no sucess_rate; there are: success_rate"),
        ({"success_rate": 80}, "success_rate must be a rate between 0 and 1"),
        ({"api_failure_rate": True}, "api_failure_rate must be a rate"),
        ({"parse_failure_rate": float("nan")}, "parse_failure_rate must be a rate"),
        ({"budget": 0}, "budget must be an amount of USD above 0"),
        ({"window": 0}, "window must be a whole number of evaluations, 1 to 10000"),
        ({"window": 10_001}, "window must be"),
        ({"window": 20.5}, "window must be"),
        ({"minimum": 201}, "minimum must be at most the window, which is 200, not 201"),
        ({"cooldown": -1}, "cooldown must be a number of seconds"),
        ({1: 2}, "there is no 1"),
        ("budget=5", "must be True, False, or limits"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_raises_before_training(setting, message):
    with pytest.raises(InstrumentError) as refused:
        configured({"alarm": setting}, {})
    assert str(refused.value).startswith("alarm: ")
    assert message in str(refused.value)


def test_settings_change_only_what_they_name():
    assert limits_of({"budget": 5, "disagreement_rate": None}) == Limits(budget=5, disagreement_rate=None)
    assert limits_of(True) == Limits()
    assert limits_of(False) is None
    assert limits_of({"window": 20}).minimum == 20


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("off", None),
        ("ON", Limits()),
        ("budget=50, success_rate=0.9", Limits(budget=50, success_rate=0.9)),
        ("disagreement_rate=off,parse_failure_rate=None", Limits(disagreement_rate=None, parse_failure_rate=None)),
        ("window=500,minimum=10,cooldown=0", Limits(window=500, minimum=10, cooldown=0)),
    ],
)
def test_the_variable_says_what_the_setting_says(text, limits):
    assert limits_of(configured({}, {"LLM_TELEMETRY_ALARM": text}).alarm) == limits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bugdet=50", "there is no bugdet"),
        ("budget", "'budget' is no limit"),
        ("budget=50,", "'' is no limit"),
        ("budget=", "'' is no number"),
        ("budget=much", "'much' is no number"),
        ("window=2e2", "window must be a whole number"),
        ("success_rate=nan", "success_rate must be a rate"),
        ("=1", "there is no ;"),
    ],
)
def test_a_variable_that_cannot_work_is_told(text, message):
    with pytest.raises(VariableError) as refused:
        configured({}, {"LLM_TELEMETRY_ALARM": text})
    assert message in str(refused.value)


def test_an_argument_wins_over_the_variable():
    assert configured({"alarm": False}, {"LLM_TELEMETRY_ALARM": "nonsense"}).alarm is False


def test_doctor_has_the_same_limits():
    assert (Limits().api_failure_rate, Limits().parse_failure_rate) == (losses.API_FAILURES, losses.PARSE_FAILURES)
