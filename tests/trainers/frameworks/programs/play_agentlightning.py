"""Two steps and their validations by agent-lightning: its server, controller and agents, and its trainer's loop.

There is no model: an engine of ours answers in its place, and no weights are there to be trained.
"""

import itertools
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import agentlightning.verl
import httpx
import numpy as np
import torch
from agentlightning.verl.trainer import AgentLightningRayPPOTrainer
from hydra import compose, initialize_config_dir
from verl import DataProto

from llm_telemetry.testing import LLMServer
from tests.trainers.frameworks.programs.asked import Truth, reply

TRUTH = Truth()
DRAWN = itertools.count()
NOW = []
SILENT = 4
"""The judge says nothing that can be read of the answer that ends in this digit."""
ASKED = []
JUDGED = []


def judge(request):
    digit = int(request.user.strip("?")[-1])
    return "I cannot tell" if digit == SILENT else reply(request)


class Engine(BaseHTTPRequestHandler):
    """In place of vLLM: it answers with a digit, and with the tokens that agent-lightning asks for."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        source = body["messages"][0]["content"].split()[0]
        ASKED.append(source)
        digit = 0 if source == "broken" else next(DRAWN) % 10
        if source != "broken":
            right = digit != SILENT and digit % 3 != 0
            TRUTH.add(*NOW, source, float(right))
            JUDGED.append(digit != SILENT)
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": f"answer {digit}"},
            "token_ids": [10 + digit],
            "logprobs": {"content": [{"token": "1", "logprob": -1.0, "bytes": None, "top_logprobs": []}]},
        }
        usage = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
        said = {"id": "1", "object": "chat.completion", "created": 1, "model": "toy", "choices": [choice]}
        told = json.dumps({**said, "usage": usage, "prompt_token_ids": [1, 2]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        pass


def rows(*sources):
    """What a dataset of agent-lightning has: a tensor for verl's sake, and columns."""
    questions = np.array([f"{source} {i}" for i, source in enumerate(sources)], dtype=object)
    columns = {"data_source": np.array(sources, dtype=object), "question": questions}
    return {"fake_ids": torch.ones(len(sources), 1, dtype=torch.int), **columns}


class Trainer(AgentLightningRayPPOTrainer):
    """Its `fit`, `_validate` and `_rollout` are its own; there is nothing to train."""

    def __init__(self, config, engine):
        self.config = config
        self.is_async = False
        self.total_training_steps = 2
        self._hooks = self._agl_client = None
        self.tokenizer = SimpleNamespace(pad_token_id=0, eos_token_id=1, decode=lambda ids, **_: str(ids))
        self.llm_server_manager = SimpleNamespace(get_addresses=lambda: [engine], get_replicas=list)
        self.checkpoint_manager = SimpleNamespace(update_weights=lambda _: None)
        self.resource_pool_manager = SimpleNamespace(get_n_gpus=lambda: 0)
        self.train_dataloader = [rows("sums", "broken")]
        self.val_dataloader = [rows("letters")]

    def _load_checkpoint(self):
        pass

    def _validate(self, merged=False):
        NOW[:] = ["val", self.global_steps]
        return super()._validate(merged)

    def _train_step(self, timing_raw, curr_step_profile):
        NOW[:] = ["train", self.global_steps]
        batch = DataProto.from_single_dict(self._next_train_batch_dict())
        out, metrics = self._rollout(self._get_gen_batch(batch), is_train=True)
        out.meta_info["global_token_num"] = [3] * len(out)
        return metrics, out


def configured(server, folder):
    more = [
        f"agentlightning.agl_base_url={server}",
        "agentlightning.local.agent_class=tests.trainers.frameworks.programs.agent:Agent",
        "+agentlightning.local.env_map.QUESTION=input.question",
        "+agentlightning.local.env_map.DATA_SOURCE=input.data_source",
        "agentlightning.trace_aggregator.level=transition",
        *("actor_rollout_ref.model.path=toy", "actor_rollout_ref.rollout.n=2", "trainer.logger=[console,file]"),
        *("trainer.test_freq=1", "trainer.val_before_train=False", "trainer.save_freq=-1"),
        *("trainer.project_name=toy", "trainer.experiment_name=run"),
    ]
    os.environ["VERL_FILE_LOGGER_PATH"] = str(folder / "verl.jsonl")
    with initialize_config_dir(str(pathlib.Path(agentlightning.verl.__path__[0])), version_base=None):
        return compose("config", more)


def started(name, folder, *words, **environ):
    hydra = ["hydra.run.dir=.", "hydra.output_subdir=null"]
    command = [sys.executable, "-W", "ignore", "-m", f"agentlightning.{name}", *hydra, *words]
    with (folder / f"{name}.log").open("w") as log:
        return subprocess.Popen(command, env={**os.environ, **environ}, cwd=folder, stdout=log, stderr=log)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def is_up(server):
    try:
        return httpx.get(f"{server}/healthz").is_success
    except httpx.HTTPError:
        return False


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    engine = ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    with LLMServer(judge) as server:
        own = ("host=127.0.0.1", f"port={port}", "default_proxy.model_name=toy")
        local = ("runner_type=local", f"agl_server.url={here}", "local_runner.poll_interval=0.1")
        running = [
            started("server", folder, *own, LLM_TELEMETRY="0"),  # what it passes on is counted where it is asked
            started("controller", folder, *local, "local_runner.maximum_size=2", JUDGE_URL=server.base_url),
        ]
        try:
            while not is_up(here):
                time.sleep(0.1)
            Trainer(configured(here, folder), f"http://127.0.0.1:{engine.server_port}/v1").fit()
        finally:
            for one in running:
                one.terminate()
                one.wait()
            engine.shutdown()
        TRUTH.tell(server, outcomes={"success": sum(JUDGED), "failure": JUDGED.count(False)}, policy=len(ASKED))


main(pathlib.Path(sys.argv[1]))
