"""What calls cost: sums over roles, sources and splits, by rollout, and what is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry import CostTracker
from llm_telemetry.collectors.keys import STEP_COST
from llm_telemetry.events import SPLITS
from tests.collectors.test_collectors import sources, splits


@given(st.lists(st.tuples(st.one_of(st.none(), st.decimals(0, 10, places=6)), st.booleans(), sources, splits)))
def test_costs_add_up_over_roles_sources_and_splits(costs):
    tracker = CostTracker()
    for cost, is_executor, source, split in costs:
        tracker.add_cost(cost, is_executor, source=source, split=split)
    known = [cost for cost, *_ in costs if cost is not None]
    logs = {split: tracker.get_wandb_logs(split) for split in SPLITS}
    of_sources = sum(sum(tracker.by_source(split).values()) for split in SPLITS)
    assert of_sources == pytest.approx(float(sum(known)))
    if known:
        assert logs["train"]["cost/total_cost"] == pytest.approx(float(sum(known)))
        assert sum(log.get(STEP_COST.of(split), 0) for split, log in logs.items()) == pytest.approx(float(sum(known)))
        roles = (logs["val"].get(f"cost/{role}_cost", 0) for role in ("executor", "judge"))
        assert sum(roles) == pytest.approx(float(sum(known)))
    assert logs["train"]["cost/unpriced_calls"] == len(costs) - len(known)
    assert logs["train"]["cost/executor_calls"] + logs["train"]["cost/judge_calls"] == len(costs)


def test_cost_by_sample():
    tracker = CostTracker()
    tracker.add_cost(0.1, is_executor=True)
    tracker.add_cost(0.2, is_executor=False)
    assert "cost/avg_cost_per_sample" not in tracker.get_wandb_logs()
    tracker.add_samples(3)
    logs = tracker.get_wandb_logs()
    assert (logs["cost/avg_cost_per_sample"], logs["cost/total_cost"], logs["cost/total_samples"]) == (0.1, 0.3, 3)


def test_what_is_not_known_to_cost_anything_is_absent_and_nothing_spent_is_zero():
    tracker = CostTracker()
    assert tracker.get_wandb_logs()["cost/total_cost"] == 0
    tracker.add_cost(None, is_executor=True)
    logs = tracker.get_wandb_logs()
    assert not {"cost/total_cost", "cost/executor_cost", "cost/step_cost"} & set(logs)
    assert (logs["cost/judge_cost"], logs["cost/unpriced_calls"]) == (0, 1)
