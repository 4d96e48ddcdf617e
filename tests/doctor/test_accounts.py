"""The doctor: what it says of W&B, and of prices."""

import datetime as dt

import pytest

from llm_telemetry.doctor import Case, prices
from llm_telemetry.doctor.prices import check_prices
from llm_telemetry.doctor.wandb import check_wandb
from llm_telemetry.runs.findings import Severity
from tests.doctor.test_doctor import KEY
from tests.support.left_runs import bad, said

pytestmark = pytest.mark.usefixtures("nobodys_machine")


def netrc(tmp_path, host="api.wandb.ai"):
    (tmp_path / "home").mkdir(exist_ok=True)
    file = tmp_path / "home" / ".netrc"
    file.write_text(f"machine {host}\n  login user\n  password {KEY}\n")
    file.chmod(0o600)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WANDB_API_KEY": KEY}, "ok W&B a key for api.wandb.ai is configured (WANDB_API_KEY)"),
        ({"WANDB_BASE_URL": "https://wandb.example"}, "ok W&B a key for wandb.example is configured (netrc)"),
        ({}, "-- W&B no key for api.wandb.ai is configured"),
        ({"WANDB_PROJECT": "p"}, "!! W&B no key for api.wandb.ai is configured"),
        ({"WANDB_MODE": "online"}, "!! W&B no key for api.wandb.ai is configured"),
        ({"WANDB_MODE": "dryrun"}, "-- W&B mode offline (WANDB_MODE): runs stay on disk"),
    ],
)
def test_login_is_told_and_the_key_is_not(tmp_path, environ, told):
    netrc(tmp_path, "wandb.example")
    text = said(check_wandb(Case(environ=environ)))
    assert told in text
    assert KEY not in text


def test_wandbs_own_settings_files_are_read(tmp_path):
    (tmp_path / "home" / ".config" / "wandb").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "wandb" / "settings").write_text(f"[default]\nmode = offline\napi_key = {KEY}\n")
    assert "mode offline (W&B's settings file)" in said(check_wandb(Case(environ={})))
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nmode = online\n")
    text = said(check_wandb(Case(environ={})))
    assert "mode online (W&B's settings file)" in text
    assert "a key for api.wandb.ai is configured (W&B's settings file)" in text
    assert KEY not in text
    (tmp_path / "wandb" / "settings").write_text("mode = online\n")
    assert "mode online (default)" in said(check_wandb(Case(environ={})))


def test_a_netrc_that_cannot_be_read_is_no_login(tmp_path):
    netrc(tmp_path)
    (tmp_path / "home" / ".netrc").write_text(f"machinery {KEY}\n")
    text = said(check_wandb(Case(environ={})))
    assert "no key for api.wandb.ai" in text
    assert KEY not in text


def test_who_has_an_online_run_and_no_key_has_something_to_do(tmp_path):
    (tmp_path / "wandb" / "run-20260101_000000-x").mkdir(parents=True)
    assert any("no key for api.wandb.ai is configured" in what for what in bad(check_wandb(Case(environ={}))))


def test_whose_runs_are_offline_needs_no_key(tmp_path):
    (tmp_path / "wandb" / "offline-run-20260101_000000-x").mkdir(parents=True)
    findings = check_wandb(Case(environ={}))
    assert "so far your runs are offline" in said(findings)
    assert bad(findings) == []


def test_a_latest_run_that_was_not_watched_is_told(edited):
    edited()
    case = Case(environ={})
    assert "was not watched" not in said(check_wandb(case))
    case.run_folders[-1].with_name("offline-run-29991231_235959-new").mkdir()
    assert "offline-run-29991231_235959-new; it was not watched" in said(check_wandb(Case(environ={})))


# --- prices


def test_models_without_a_price_are_named_with_what_to_do(edited):
    edited(lambda payload: payload.update({"cost/unpriced_calls": 3}), {"unpriced_models": ["mine", "gpt-4o-mini"]})
    text = said(check_prices(Case(environ={})))
    assert "!! prices 3 calls of the last run without a price: mine\n" in text
    assert '-> LLM_TELEMETRY_PRICES=prices.json, with {"mine": {"input": 0.1, "output": 0.4}}' in text


def test_a_price_that_has_come_since_is_no_trouble(edited, tmp_path):
    (tmp_path / "prices.json").write_text('{"mine": {"input": 1, "output": 2}}')
    edited(lambda payload: payload.update({"cost/unpriced_calls": 3}), {"unpriced_models": ["mine"]})
    findings = check_prices(Case(environ={"LLM_TELEMETRY_PRICES": "prices.json"}))
    assert "had no price for mine; there is one now" in said(findings)
    assert bad(findings) == []


def test_without_names_the_number_of_calls_is_told(edited):
    edited(lambda payload: payload.update({"cost/unpriced_calls": 1}))
    assert "!! prices 1 call of the last run without a price\n" in said(check_prices(Case(environ={})))


def test_an_old_price_table_is_told():
    finding = prices._check_age(dt.date(2999, 1, 1))
    assert (finding.severity, finding.to_do) == (Severity.WARNING, "pip install --upgrade genai-prices")
    assert prices._check_age(dt.date(1999, 1, 1)).sentence.endswith("its prices have no date")
