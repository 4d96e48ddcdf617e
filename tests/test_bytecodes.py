"""The counter by which tests hold the work of a call or a flush to a limit."""

import json
import threading

from llm_telemetry.session.turn import Turn
from tests.support.bytecodes import COUNTED, bytecodes

pytestmark = COUNTED


def work(times=1):
    for _ in range(times):
        Turn().take(wait=False)


def elsewhere():
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_all_that_runs_of_ours_in_this_thread_is_counted_each_time_and_nothing_else():
    work()
    once = bytecodes(work)
    assert once > 0
    assert bytecodes(lambda: work(3)) == 3 * once
    assert bytecodes(lambda: json.dumps({"of": "others"}, indent=1)) == bytecodes(elsewhere) == 0
    assert bytecodes(work) == once
