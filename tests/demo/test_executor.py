from __future__ import annotations

import asyncio

import pytest

from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.data import load_items
from llm_telemetry.demo.executor import Executor, Operators
from llm_telemetry.demo.workflows import TEMPLATES, write
from llm_telemetry.testing import Faults

ITEM = load_items("mmlu", "train")[0]


def execute(server, code, timeout=20.0):
    executor = Executor(DemoConfig(base_url=server.base_url, workflow_timeout=timeout))
    work = executor.execute_workflow(
        workflow_code=code, problem=ITEM["problem"], problem_type="qa", entry_point=None, test=None
    )
    return asyncio.run(work)


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_template_asks_as_often_as_it_should(serve, template):
    server = serve()
    answer, _, metadata = execute(server, write(template, seed=5))
    assert metadata["success"] is True
    assert isinstance(answer, str)
    calls = {"direct": (1,), "chain_of_thought": (1,), "self_refine": (2, 3), "ensemble": (3,)}
    assert server.books.calls(role="executor", source="mmlu", split="train") in calls[template]
    assert {entry.streamed for entry in server.books} == {template == "chain_of_thought"}
    assert all(entry.usage_sent for entry in server.books)


def test_a_hung_call_is_cancelled_and_the_workflow_is_no_success(serve):
    server = serve(solver=Faults(hung=1.0))
    assert execute(server, write("ensemble", seed=5), timeout=3.0) == (
        None,
        0.0,
        {"success": False, "problem_type": "qa", "error": "timeout"},
    )
    assert server.books.errors() == {"cancelled": 3}


def test_what_the_api_refuses_is_no_success_and_is_not_raised(serve):
    answer, _, metadata = execute(serve(solver=Faults(exhausted=1.0)), write("ensemble", seed=5))
    assert answer is None
    assert metadata["success"] is False
    assert metadata["error"] in ("RateLimitError", "InternalServerError")


def test_code_that_does_not_compile_raises_and_costs_nothing(serve):
    server = serve()
    with pytest.raises(SyntaxError):
        execute(server, write("direct", seed=5, defect="syntax"))
    assert len(server.books) == 0


def test_code_that_crashes_raises_after_it_has_spent(serve):
    server = serve()
    with pytest.raises(TypeError):
        execute(server, write("direct", seed=5, defect="crash"))
    assert server.books.calls() == 1


def test_an_empty_answer_is_no_success(serve):
    assert execute(serve(), write("direct", seed=5, defect="empty"))[2]["success"] is False


def test_answer_and_cost_may_come_swapped_or_as_text_as_models_write_them(serve):
    server = serve()
    answer, cost, _ = execute(server, write("direct", seed=5, defect="swapped"))
    assert answer == 0.0
    assert cost == next(iter(server.books)).content
    assert execute(server, write("chain_of_thought", seed=5))[1] == "0.0004 USD"


def test_the_majority_is_taken_by_result_not_by_wording():
    replies = ["Answer: 4", "Long way.\nAnswer: 5", "which makes it 5."]
    assert Operators.majority(replies) == replies[1]


def test_an_ensemble_goes_on_without_the_voices_that_fail(serve):
    succeeded = {}
    for seed in range(40):
        server = serve(seed=seed, solver=Faults(exhausted=0.5))
        _, _, metadata = execute(server, write("ensemble", seed=5))
        succeeded[server.books.errors().total()] = metadata["success"]
        if len(succeeded) == 4:
            break
    assert succeeded == {0: True, 1: True, 2: True, 3: False}
