"""Small trainings that together go through every door of ours: every client, every kind of part, every way to end.

A scene is a function of the world that it plays in; it gives what the trainer's author sees. None of them looks at
what telemetry counts: other tests do.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import importlib
import json
import multiprocessing
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import wrapt

import _llm_telemetry_autostart as door
import llm_telemetry
from tests.shapes.table import SHAPES
from tests.support.frameworks import write_framework
from tests.support.wandb_model import ModelRun
from tests.trainers.frameworks.standin_verl import MODULES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MESSAGES = [{"role": "user", "content": "2 + 2?"}]
CHAT = {"model": "gpt-4o-mini", "messages": MESSAGES}
CLAUDE = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": MESSAGES}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


class World(NamedTuple):
    """Where a scene plays."""

    url: str
    """Of a scripted server of OpenAI's and Anthropic's endpoints, without `/v1`."""
    other: str
    """Of one that answers as Gemini and Bedrock do."""
    folder: Path
    watched: bool

    def watch(self, trainer: Any, **settings: Any) -> Any:
        """Watch a trainer, if anything is watched here."""
        if not self.watched:
            return None
        return llm_telemetry.instrument(trainer, **{"folder": self.folder, "run": False, **settings})


class Trainer:
    """Its steps and validations are `body(trainer)`; its parts are given."""

    def __init__(self, body, **parts):
        self.body = body
        vars(self).update(parts)

    def train_step(self, step):
        """Train."""
        return self.body(self)

    def evaluate(self):
        """Validate."""
        return self.body(self)


class Executor:
    """Does some work for a problem, sync or async as `work` is."""

    def __init__(self, work):
        self.work = work

    def execute(self, problem):
        """Give what the work gives."""
        return self.work(problem)


class RewardComputer:
    """Rewards by a judge."""

    def __init__(self, judge=lambda problem, prediction: True):
        self.judge = judge

    def compute_reward(self, problem, prediction, source=None):
        """Give 1 for a yes."""
        return float(bool(self.llm_judge(problem, prediction)))

    def llm_judge(self, problem, prediction):
        """Ask."""
        return self.judge(problem, prediction)


class Data:
    """Hands out two items."""

    def sample_batch(self, size=2):
        """Give them."""
        return [{"problem": f"{i} + {i}?", "ground_truth": "4", "source": f"s{i}"} for i in range(size)]


def outcome(call: Callable[..., Any], *arguments: Any) -> str:
    """Tell what a call gives, or raises; two processes can compare it."""
    try:
        return repr(call(*arguments))
    except BaseException as error:  # noqa: BLE001 - it is what the trainer sees
        return f"{type(error).__name__}: {error}"


def trained(world: World, body: Callable[[Any], Any], *, judge: Any = None, **settings: Any) -> list[str]:
    """Train two steps and validate, with what `body` does in each of them; tell what came out."""
    reward = RewardComputer() if judge is None else RewardComputer(judge)
    trainer = Trainer(body, executor=Executor(lambda ask: ask()), reward_computer=reward, data_manager=Data())
    telemetry = world.watch(trainer, **settings)
    seen = [outcome(lambda: trainer.train_step(1)), outcome(trainer.evaluate), outcome(lambda: trainer.train_step(2))]
    if telemetry is not None:
        telemetry.flush()
        telemetry.uninstrument()
    return seen


def in_executor(*ways: Callable[[], Any]) -> Callable[[Any], Any]:
    """Return the body of a step that goes these ways in its executor, and rewards each."""

    def body(trainer):
        seen = []
        for item, way in zip(trainer.data_manager.sample_batch(len(ways)), ways, strict=True):
            answer = outcome(lambda way=way: trainer.executor.execute(way))
            seen.append((answer, trainer.reward_computer.compute_reward(item["problem"], answer, item["source"])))
        return seen

    return body


# --- clients


def texts_in(completion):
    """Give the texts of a completion."""
    return [choice.message.content for choice in completion.choices]


def openai_sync(world):
    """Every way through openai's client, in the executor; the judge asks too."""
    import openai  # noqa: PLC0415

    client = openai.OpenAI(base_url=f"{world.url}/v1", api_key="k", max_retries=1)
    chat = client.chat.completions

    def closed():
        with chat.create(**CHAT, **STREAM) as stream:
            return next(iter(stream)).choices[0].delta.content

    def streaming_response():
        with chat.with_streaming_response.create(**CHAT) as response:
            return texts_in(response.parse())

    def helper():
        with chat.stream(**CHAT) as stream:
            for _ in stream:
                break
            return "closed"

    def in_pool():
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return texts_in(pool.submit(chat.create, **CHAT).result())

    ways = (
        lambda: texts_in(chat.create(**CHAT)),
        lambda: [chunk.choices[0].delta.content for chunk in chat.create(**CHAT, **STREAM) if chunk.choices],
        closed,
        lambda: texts_in(chat.with_raw_response.create(**CHAT).parse()),
        streaming_response,
        helper,
        in_pool,
        lambda: client.responses.create(model="gpt-4o-mini", input="2 + 2?").output_text,
        lambda: len(client.embeddings.create(model="text-embedding-3-small", input="2").data),
        lambda: texts_in(chat.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "refuse"}])),
        lambda: client.models.list().data,
    )
    with client:
        return trained(world, in_executor(*ways), judge=lambda *_: texts_in(chat.create(**CHAT))[0] == "True")


def other_tool(world):
    """A client whose requests another tool watches already, by a wrapper that is no plain function."""
    import openai  # noqa: PLC0415
    from openai._base_client import SyncAPIClient  # noqa: PLC0415

    request = SyncAPIClient.request
    wrapt.wrap_function_wrapper(SyncAPIClient, "request", lambda theirs, _, args, kwargs: theirs(*args, **kwargs))
    try:
        with openai.OpenAI(base_url=f"{world.url}/v1", api_key="k") as client:
            return trained(world, in_executor(lambda: texts_in(client.chat.completions.create(**CHAT))))
    finally:
        SyncAPIClient.request = request


def framework(world):
    """Watch a trainer of verl's shape by what logs its steps, with a reward function that verl has loaded."""
    loading = {"verl.trainer.ppo.reward": "def get_custom_reward_fn(config):\n    return config"}
    sys.path.insert(0, str(write_framework(world.folder / "frameworks", {**MODULES, **loading})))
    trainer = importlib.import_module("verl.trainer.ppo.v1.trainer_base").PPOTrainer(None)
    telemetry = world.watch(trainer.logger)
    reward = importlib.import_module("verl.trainer.ppo.reward")
    trainer.worker._compute_score = reward.get_custom_reward_fn(lambda _source, answer: float(answer))
    seen = [outcome(trainer.fit, [[{"data_source": "sums", "answer": answer, "uid": "u"} for answer in "10"]])]
    if telemetry is not None:
        telemetry.uninstrument()
    return [*seen, [(step, row["val-core/acc"], row.get("training/global_step")) for step, row in trainer.logger.rows]]


def openai_async(world):
    """The same without blocking, under one `gather`, with a call that is cancelled."""
    import openai  # noqa: PLC0415

    async def plain(client):
        return texts_in(await client.chat.completions.create(**CHAT))

    async def streamed(client):
        stream = await client.chat.completions.create(**CHAT, **STREAM)
        return [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]

    async def closed(client):
        async with await client.chat.completions.create(**CHAT, **STREAM) as stream:
            return (await stream.__anext__()).choices[0].delta.content

    async def cancelled(client):
        task = asyncio.ensure_future(client.chat.completions.create(**CHAT))
        await asyncio.sleep(0)
        task.cancel()
        return await task

    async def raw(client):
        return texts_in((await client.chat.completions.with_raw_response.create(**CHAT)).parse())

    async def rollout(trainer, way, item):
        async with openai.AsyncOpenAI(base_url=f"{world.url}/v1", api_key="k", max_retries=1) as client:
            try:
                answer = await trainer.executor.execute(functools.partial(way, client))
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - as trainers do
                answer = type(error).__name__
        return answer, trainer.reward_computer.compute_reward(item["problem"], answer)

    async def step(trainer):
        ways = (plain, streamed, closed, cancelled, raw)
        items = trainer.data_manager.sample_batch(len(ways))
        return await asyncio.gather(*(rollout(trainer, way, item) for way, item in zip(ways, items, strict=True)))

    return trained(world, lambda trainer: asyncio.run(step(trainer)))


def other_sdks(world):
    """Anthropic's and Groq's SDKs."""
    import anthropic  # noqa: PLC0415
    import groq  # noqa: PLC0415

    claude = anthropic.Anthropic(base_url=world.url, api_key="k", max_retries=0)
    other = groq.Groq(base_url=world.url, api_key="k", max_retries=0)
    ways = (
        lambda: claude.messages.create(**CLAUDE).content[0].text,
        lambda: [event.type for event in claude.messages.create(**CLAUDE, stream=True)],
        lambda: outcome(lambda: texts_in(other.chat.completions.create(**CHAT))),
    )
    with claude, other:
        return trained(world, in_executor(*ways))


def plain_http(world):
    """Without any SDK: httpx, requests and aiohttp, whole and in streams, to their end or not."""
    import aiohttp  # noqa: PLC0415
    import httpx  # noqa: PLC0415
    import requests  # noqa: PLC0415

    url, streamed = f"{world.url}/v1/chat/completions", {**CHAT, **STREAM}

    def httpx_stream():
        with httpx.stream("POST", url, json=streamed) as response:
            return len(list(response.iter_lines())) > 0

    def httpx_closed():
        with httpx.stream("POST", url, json=streamed) as response:
            return next(iter(response.iter_raw())) != b""

    async def httpx_async():
        async with httpx.AsyncClient() as client, client.stream("POST", url, json=streamed) as response:
            return len([line async for line in response.aiter_lines()]) > 0

    def requests_stream():
        with requests.post(url, json=streamed, stream=True, timeout=9) as response:
            return len(list(response.iter_lines())) > 0

    async def slowly(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(b"{}")
        writer.close()

    async def aiohttp_ways():
        slow = await asyncio.start_server(slowly, "127.0.0.1", 0)
        port = slow.sockets[0].getsockname()[1]
        async with slow, aiohttp.ClientSession() as session:
            async with session.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=CHAT) as response:
                await response.json()
            async with session.post(url, json=CHAT) as response:
                whole = (await response.json())["object"]
            async with session.post(url, json=streamed) as response:
                lines = [line async for line in response.content]
            async with session.post(url, json=streamed) as response:
                await response.content.readany()
            async with session.post(f"{world.url}/v1/nothing", json=CHAT) as response:
                return whole, len(lines) > 0, response.status

    ways = (
        lambda: httpx.post(url, json=CHAT).json()["object"],
        httpx_stream,
        httpx_closed,
        lambda: asyncio.run(httpx_async()),
        lambda: requests.post(url, json=CHAT, timeout=9).json()["object"],
        requests_stream,
        lambda: requests.post(f"{world.url}/v1/nothing", json=CHAT, timeout=9).status_code,
        lambda: asyncio.run(aiohttp_ways()),
    )
    return trained(world, in_executor(*ways))


def other_apis(world):
    """Gemini's SDK and Bedrock's."""
    import boto3  # noqa: PLC0415
    from google import genai  # noqa: PLC0415

    gemini = genai.Client(api_key="k", http_options={"base_url": world.other})
    given = {"region_name": "us-east-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}
    bedrock = boto3.client("bedrock-runtime", endpoint_url=world.other, **given)
    asked = {"model": "gemini-2.5-flash", "contents": "2 + 2?"}
    model = {"modelId": "anthropic.claude-3-haiku"}
    said = {**model, "messages": [{"role": "user", "content": [{"text": "2 + 2?"}]}]}
    invoked = {**model, "body": json.dumps({"messages": [], "max_tokens": 5})}

    def unread():
        bedrock.invoke_model(**invoked)["body"].close()

    def closed():
        stream = bedrock.converse_stream(**said)["stream"]
        next(iter(stream))
        stream.close()

    ways = (
        lambda: gemini.models.generate_content(**asked).text,
        lambda: [chunk.text for chunk in gemini.models.generate_content_stream(**asked)],
        lambda: bedrock.converse(**said)["stopReason"],
        lambda: len(list(bedrock.converse_stream(**said)["stream"])),
        closed,
        lambda: json.loads(bedrock.invoke_model(**invoked)["body"].read())["type"],
        unread,
        lambda: len(list(bedrock.invoke_model_with_response_stream(**invoked)["body"])),
    )
    with gemini:
        return trained(world, in_executor(*ways))


# --- what trainers are made of, and what they return


class Own:
    """A sink and a collector of the user's, without a fault."""

    def write(self, payload):
        """Take it."""

    def alert(self, alert):
        """Take it."""

    def add(self, event):
        """Take it."""

    def collect(self, split):
        """Tell something."""
        return {"mine/x": 1}

    def close(self):
        """Do nothing."""


class Cached(RewardComputer):
    """One whose judge is no plain function, and says nothing that can be read."""

    @functools.lru_cache  # noqa: B019 - as users do
    def llm_judge(self, problem, prediction):
        """Judge without asking."""
        return "False" if prediction == "wrong" else "verdict: maybe"


def awkward(world):
    """Cached methods, futures, coroutines that nobody awaits, parts that raise; a handle that is used in all ways."""

    async def later():
        return "4"

    def futures(trainer):
        async def main():
            never = trainer.executor.execute(later)
            never.close()
            done = await trainer.executor.execute(lambda: asyncio.ensure_future(later()))
            task = trainer.executor.execute(lambda: asyncio.ensure_future(later()))
            task.cancel()
            return done, outcome(lambda: trainer.executor.execute(lambda: 1 / 0))

        seen = asyncio.run(main())
        rewards = [trainer.reward_computer.compute_reward(f"{i}?", "wrong" if i % 2 else "4") for i in range(30)]
        return seen, sum(rewards)

    trainer = Trainer(futures, executor=Executor(lambda work: work()), reward_computer=Cached(), data_manager=Data())
    telemetry = world.watch(trainer, console=1, capture_failures=3, collectors=[Own()], sinks=[Own()])
    seen = [outcome(trainer.train_step, step) for step in (1, 2)]
    if telemetry is not None:
        with telemetry:
            str(telemetry)
            telemetry.print_summary()
    return seen


def shape(name: str, world: World) -> list[str]:
    """One of the shapes, as people write them."""
    os.environ.update(SHAPES_URL=f"{world.url}/v1", WANDB_DIR=str(world.folder))
    row = SHAPES[[one.program for one in SHAPES].index(name)]
    train, trainer, watched = row.made()
    handles = [world.watch(one, **row.settings) for one in watched]
    seen = [outcome(train, trainer)]
    for handle in filter(None, handles):
        handle.uninstrument()
    return seen


def by_hand(world):
    """A script without a trainer, told by hand, with marks that stay in the code."""
    import openai  # noqa: PLC0415

    client = openai.OpenAI(base_url=f"{world.url}/v1", api_key="k")

    def ask(text="2 + 2?"):
        return client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": text}])

    @llm_telemetry.judge
    def is_right(problem, prediction):
        ask(problem)
        return True

    seen = [outcome(lambda: is_right("2 + 2?", "4"))]
    telemetry = llm_telemetry.instrument(folder=world.folder, run=False) if world.watched else None
    if telemetry is not None:
        with telemetry.step(1), telemetry.rollout(source="s", problem="p", group=1) as rollout:
            with llm_telemetry.scope(source="t"):
                ask()
            with rollout.reward() as reward:
                with telemetry.evaluation("strict") as evaluation:
                    ask()
                    evaluation.result = True
                reward.result = 1.0
            rollout.rewarded(1.0, {"form": 1.0})
        with telemetry.validation(1), telemetry.reward(source="s") as reward:
            reward.result = 0.5

        async def blocks():
            async with telemetry.step(2), telemetry.rollout(problem="p"):
                ask()

        asyncio.run(blocks())
    with llm_telemetry.scope(role="judge", name="beside"):
        ask()
    seen += [outcome(lambda: is_right(problem="p", prediction="5")), outcome(lambda: texts_in(ask()))]
    if telemetry is not None:
        telemetry.uninstrument()
    client.close()
    return seen


# --- W&B, the finder, other processes, the end of the program


def logging_rows(world, run):
    """A trainer that logs its own rows, with and without steps, late ones too; tell what came out."""

    def body(trainer):
        for problem in ("1?", "2?"):
            trainer.reward_computer.compute_reward(problem, trainer.executor.execute(lambda: "4"))
        return run.log({"loss": 1.0}) if trainer.step is None else run.log({"loss": 1.0}, step=trainer.step)

    trainer = Trainer(body, executor=Executor(lambda ask: ask()), reward_computer=RewardComputer(lambda *_: "?"))
    trainer.step = None
    telemetry = world.watch(trainer, run=run, rescue_rows=True, capture_failures=2)
    seen = [outcome(lambda: trainer.train_step(1)), outcome(trainer.evaluate)]
    for trainer.step in (5, 3, 6):
        seen.append(outcome(lambda: trainer.train_step(trainer.step)))
    seen += [outcome(lambda: run.define_metric("loss", step_metric="x")).partition(" ")[0]]
    seen += [outcome(lambda: run.log({"x": 1}, commit=False)), outcome(run.finish)]
    seen.append(outcome(lambda: trainer.train_step(9)).partition("(")[0])
    if telemetry is not None:
        telemetry.uninstrument()
    return seen


def wandb_offline(world):
    """A real run."""
    import wandb  # noqa: PLC0415

    quiet = wandb.Settings(console="off", silent=True, x_disable_meta=True, x_disable_stats=True)
    return logging_rows(world, wandb.init(project="p", mode="offline", dir=str(world.folder), settings=quiet))


def wandb_model(world):
    """The model of a run that the sink's tests use: as real as rows need, and a hundred times as quick."""
    run = ModelRun()
    run.dir, run.id, run.resumed = str(world.folder / "files"), "r", False
    seen = logging_rows(world, run)
    return [*seen, [{key: row[key] for key in ("loss", "x") if key in row} for row in run.rows if "loss" in row]]


MODULE = """
import openai

class Executor:
    def execute(self, problem):
        return "4"

class Trainer:
    def __init__(self):
        self.executor = Executor()
        self.reward_computer = self

    def compute_reward(self, problem, prediction):
        return 1.0

    def train(self):
        return [self.train_step(step) for step in (1, 2)]

    def train_step(self, step):
        return self.compute_reward("2 + 2?", self.executor.execute("2 + 2?"))

class Net:
    def train_step(self, batch):
        return batch
"""


def found(world):
    """An unedited program, whose trainer is found as its module is imported."""
    (world.folder / "found_trainer.py").write_text(MODULE)
    (world.folder / "broken_module.py").write_text("1 / 0\n")
    sys.path.insert(0, str(world.folder))
    if world.watched:
        given = {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_FOLDER": str(world.folder), "LLM_TELEMETRY_CONSOLE": "1"}
        os.environ.update(given)
        door.start()
    for name in ("found_trainer", "httpx", "requests"):
        sys.modules.pop(name, None)
    seen = [outcome(importlib.import_module, name) for name in ("broken_module", "no_such_module")]
    module = importlib.import_module("found_trainer")
    sys.modules["__main__"].Local = type("Local", (module.Trainer,), {"__module__": "__main__"})
    client = module.openai.OpenAI(base_url=f"{world.url}/v1", api_key="k")
    seen += [outcome(lambda: texts_in(client.chat.completions.create(**CHAT))), outcome(module.Trainer().train)]
    seen += [outcome(lambda: module.Net().train_step(1)), outcome(lambda: importlib.import_module("requests").get)[:9]]
    client.close()
    return seen


def children(world):
    """Forked children execute rollouts, and make calls."""
    import openai  # noqa: PLC0415

    def ask():
        with openai.OpenAI(base_url=f"{world.url}/v1", api_key="k") as client:
            return texts_in(client.chat.completions.create(**CHAT))

    def body(trainer):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                seen = outcome(lambda: trainer.executor.execute(ask))
                trainer.reward_computer.compute_reward("0 + 0?", "4")
                code = 0 if seen == "['True']" else 2
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return trained(world, body)


def spawned(world):
    """What a spawned child does: it finds its owner, and hooks the owner's parts when it imports them."""
    from llm_telemetry.processes import children as processes  # noqa: PLC0415

    (world.folder / "found_parts.py").write_text(MODULE)
    sys.path.insert(0, str(world.folder))
    parts = importlib.import_module("found_parts")
    telemetry = world.watch(parts.Trainer())

    def child():
        if world.watched:
            llm_telemetry.session.sessions.active.clear()
            del sys.modules["found_parts"]
            os.environ["LLM_TELEMETRY"] = "1"
            door.start()
            processes.join_owner()
        module = importlib.import_module("found_parts")
        return module.Executor().execute("p"), module.Trainer().train_step(1)

    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, outcome(child).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    seen = [os.read(read, 1000).decode()]
    if telemetry is not None:
        telemetry.uninstrument()
    return seen


def early_worker(world):
    """A worker that is there before its trainer is watched: with each task it looks for what it is to hook."""
    from llm_telemetry.processes import children as processes  # noqa: PLC0415
    from llm_telemetry.words import choose_folder  # noqa: PLC0415

    (world.folder / "found_parts.py").write_text(MODULE)
    sys.path.insert(0, str(world.folder))
    parts = importlib.import_module("found_parts")
    if world.watched:
        choose_folder()
    here, there = multiprocessing.Pipe()
    pid = os.fork()
    if pid == 0:
        if world.watched:
            processes.join_owner()
        there.send(outcome(parts.Executor().execute, there.recv()))
        os._exit(0)
    telemetry = world.watch(parts.Trainer())
    here.send("p")
    seen = [here.recv()]
    os.waitpid(pid, 0)
    if telemetry is not None:
        telemetry.uninstrument()
    return seen


def retried(world):
    """Requests that the SDK repeats by itself, as nobody takes them."""
    import openai  # noqa: PLC0415
    from openai import _base_client  # noqa: PLC0415

    _base_client.INITIAL_RETRY_DELAY = 0.0
    nobody = {"base_url": "http://127.0.0.1:9/v1", "api_key": "k", "max_retries": 1}

    def ask():
        with openai.OpenAI(**nobody) as client:
            client.chat.completions.create(**CHAT)

    async def ask_async():
        async with openai.AsyncOpenAI(**nobody) as client:
            await client.chat.completions.create(**CHAT)

    return trained(world, in_executor(ask, lambda: asyncio.run(ask_async())))


def threads(world):
    """Steps in two threads, and a signal that flushes."""
    import signal  # noqa: PLC0415

    trainer = Trainer(
        lambda trainer: trainer.reward_computer.compute_reward("p", trainer.executor.execute(lambda: "4")),
        executor=Executor(lambda ask: ask()),
        reward_computer=RewardComputer(),
    )
    telemetry = world.watch(trainer, console=1)
    signal.signal(signal.SIGUSR1, lambda *_: telemetry.flush() if telemetry is not None else None)
    seen = []
    both = [threading.Thread(target=lambda: seen.append(outcome(trainer.evaluate))) for _ in range(2)]
    for thread in both:
        thread.start()
    os.kill(os.getpid(), signal.SIGUSR1)
    for thread in both:
        thread.join()
    return [*seen, outcome(lambda: trainer.train_step(1))]


SCENES: dict[str, Callable[[World], list[str]]] = {
    scene.__name__: scene
    for scene in (
        *(
            awkward,
            by_hand,
            children,
            early_worker,
            found,
            framework,
            openai_async,
            openai_sync,
            other_apis,
            other_sdks,
            plain_http,
        ),
        *(other_tool, retried, spawned, threads, wandb_model, wandb_offline),
    )
} | {f"shape {name}": functools.partial(shape, name) for name in dict.fromkeys(row.program for row in SHAPES)}

ONCE = ("children", "early_worker", "found", "framework", "spawned", "threads", "wandb_offline")
"""Scenes that are played once in a process: what they import, fork or begin stays."""
