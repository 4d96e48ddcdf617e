"""A server of LLM calls on the loopback, which keeps books: what telemetry counts is held against what was served."""

import contextlib
import json
import threading
import time
from collections import Counter, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
TEXT = ("The answer", " is 4.", " Señor ", "✓")
LOST = "lost"
"""In the plan: the connection breaks in the middle of the body."""
STUCK = "stuck"
"""In the plan: the body stops in its middle, and nothing more comes."""
OVERLOADED = "overloaded"
"""In the plan: an event of a stream tells of an error."""


class Books:
    """What was served."""

    def __init__(self):
        self.requests = []
        self.statuses = Counter()
        self.tokens = Counter()

    @property
    def calls(self):
        return len(self.requests)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send(200, json.dumps({"data": []}).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        books, path = self.server.books, self.path.partition("?")[0]
        with self.server.lock:
            number = books.calls + 1
            plan = self.server.plan.popleft() if self.server.plan else 200
            books.requests.append((self.path, body))
        asked = json.loads(body) if body[:1] == b"{" else {}
        family = "anthropic" if path.endswith(("/messages", "/complete")) else "openai"
        if isinstance(plan, int) and plan != 200:
            books.statuses[plan] += 1
            error = {"type": "error", "error": {"type": "api_error", "message": "no"}}
            self.send(plan, json.dumps(error).encode(), {"retry-after-ms": "1", "retry-after": "0"})
        elif asked.get("stream"):
            self.stream(STREAMS[family](asked, number, books), plan, number)
        else:
            self.send(200, json.dumps(BODIES[family](path, asked, number, books)).encode())

    def send(self, status, content, headers=()):
        self.send_response(status)
        for name, value in {"content-type": "application/json", **dict(headers)}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self, events, plan, number):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        events = list(events)
        if plan in (LOST, STUCK, OVERLOADED):
            events = events[:2]
        if plan == OVERLOADED:
            error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
            events.append(f"event: error\ndata: {json.dumps(error)}\n\n".encode())
        # in pieces that respect neither events nor characters
        text = b"".join(events)
        pieces = [text[at : at + 37] for at in range(0, len(text), 37)]
        with contextlib.suppress(OSError):  # the client is free to leave
            for piece in pieces:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if plan == STUCK:
                self.server.closing.wait(5)
            if plan in (LOST, STUCK):
                self.close_connection = True
                self.connection.close()
            else:
                self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args):
        pass


def openai_usage(number, books, *, embedding=False):
    """Tokens that differ from call to call, and are in the books once they are told."""
    told = {"prompt": 100 + number, "completion": 0 if embedding else 10 + number, "cached": 32}
    books.tokens.update(told)
    usage = {"prompt_tokens": told["prompt"], "total_tokens": told["prompt"] + told["completion"]}
    if embedding:
        books.tokens["cached"] -= 32
        return usage
    return {**usage, "completion_tokens": told["completion"], "prompt_tokens_details": {"cached_tokens": 32}}


def openai_body(path, asked, number, books):
    model = asked.get("model", MODELS["openai"])
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return {"object": "list", "model": model, "data": data, "usage": openai_usage(number, books, embedding=True)}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": model}
    message = {"role": "assistant", "content": "".join(TEXT)}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    return {**head, "choices": choices, "usage": openai_usage(number, books)}


def openai_stream(asked, number, books):
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": asked["model"]}
    for text in TEXT:
        yield data({**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]})
    yield data({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if asked.get("stream_options", {}).get("include_usage"):
        yield data({**chunk, "choices": [], "usage": openai_usage(number, books)})
    yield b"data: [DONE]\n\n"


def anthropic_usage(number, books):
    """Anthropic's `input_tokens` are without those that were read from the cache, or written to it."""
    fresh, read, written, completion = 10 + number, 64, 16, 20 + number
    told = {"prompt": fresh + read + written, "completion": completion, "cached": read, "cache_write": written}
    books.tokens.update(told)
    head = {"input_tokens": fresh, "cache_read_input_tokens": read, "cache_creation_input_tokens": written}
    return {**head, "output_tokens": completion}


def anthropic_body(_path, asked, number, books):
    usage = anthropic_usage(number, books)
    head = {"id": "m", "type": "message", "role": "assistant", "model": asked["model"], "stop_sequence": None}
    thoughts = {"type": "thinking", "thinking": "Is it false? No.", "signature": "s"}
    content = [thoughts, {"type": "text", "text": "".join(TEXT)}]
    return {**head, "content": content, "stop_reason": asked.get("stop_for", "end_turn"), "usage": usage}


def anthropic_stream(asked, number, books):
    usage = anthropic_usage(number, books)
    message = anthropic_body("", asked, 0, Books())
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield named("message_start", message=start)
    yield named("ping")
    yield named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for text in TEXT:
        yield named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
    yield named("content_block_stop", index=0)
    stop = {"stop_reason": asked.get("stop_for", "end_turn"), "stop_sequence": None}
    yield named("message_delta", delta=stop, usage={"output_tokens": usage["output_tokens"]})
    yield named("message_stop")


def data(event):
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def named(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n".encode()


BODIES = {"openai": openai_body, "anthropic": anthropic_body}
STREAMS = {"openai": openai_stream, "anthropic": anthropic_stream}


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.books = Books()
        self.plan = deque()
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def root(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self):
        return f"{self.root}/v1"

    def handle_error(self, request, client_address):
        """Clients that break off are part of the tests."""


@contextlib.contextmanager
def serving():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def wait_until(true, seconds=5):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()
