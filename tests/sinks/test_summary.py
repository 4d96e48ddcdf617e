"""The summary on the console says of each dataset what is known of it."""

from llm_telemetry.collectors.dataset import DatasetMetricsCollector
from llm_telemetry.events import Payload
from llm_telemetry.sinks.console import summary_lines


def test_what_is_unscored_is_neither_right_nor_wrong_and_a_dataset_of_which_nothing_is_known_says_so():
    collector = DatasetMetricsCollector()
    for correctness in (1.0, 0.0, None, None):
        collector.add_result("gsm8k", correctness)
    collector.add_result("math", None)
    lines = [line.split() for line in summary_lines(Payload(1, "train", collector.get_wandb_logs(), {}, 0.0))]
    assert ["gsm8k", "1/2", "50.0", "%"] in lines
    assert ["math", "?/1", "unknown"] in lines
    assert ["all", "1/2", "50.0", "%"] in lines
