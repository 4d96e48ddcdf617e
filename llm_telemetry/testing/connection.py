"""One client's connection to the scripted server: reads requests, sends what the script decides, or its half."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llm_telemetry.testing import wire
from llm_telemetry.testing.exchange import ENDPOINTS, Request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_telemetry.testing.faults import Form
    from llm_telemetry.testing.script import Answer, Script

_RETRY_HEADERS = {"retry-after-ms": "5", "retry-after": "0"}  # without them the SDKs would wait half a second and more
_RETRIED_FROM = 429  # HTTP status from which on the SDKs try again
_LOOK_EVERY = 0.02  # seconds between looks at a client that is kept waiting
_CLOSE_WITHIN = 5.0  # seconds that closing waits for the connections' threads
_BEGINNING = 2  # events of a stream that are sent before it breaks
_GARBLED = b'{"choices": [{"mess'
_OK = 200


class Listener(ThreadingHTTPServer):
    """The listening socket and its open connections."""

    request_queue_size = 256  # many clients connect at once; the default backlog of 5 drops some
    daemon_threads = True

    def __init__(self, script: Script, hang: float, split_every: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.script = script
        self.hang = hang
        self.split_every = split_every
        self.failures: list[BaseException] = []
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="llm-server", daemon=True)

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Wake what waits, cut the connections, and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._changed:
            for connection in self._open:
                _cut(connection)
            self._changed.wait_for(lambda: not self._open, timeout=_CLOSE_WITHIN)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and know that it is open meanwhile."""
        with self._changed:
            self._open.add(request)
        try:
            if not self.stopping.is_set():
                super().process_request_thread(request, client_address)
        finally:
            self.shutdown_request(request)
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the overridden arguments
        """Keep what the script has raised; a client that has gone in the middle of something is free to do so."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.failures.append(error)


class _Connection(BaseHTTPRequestHandler):
    """One client's connection, kept alive over its requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # bytes: head and body leave in one packet
    server: Listener

    def do_GET(self) -> None:
        """Answer with a list of nothing: the models, or whatever else was asked for."""
        self._send(_OK, b'{"object": "list", "data": []}')

    def do_POST(self) -> None:
        """Answer one request."""
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        retry, language = (self.headers.get(f"x-stainless-{name}") for name in ("retry-count", "lang"))
        told = None if retry is None else int(retry)
        request = Request(urlsplit(self.path).path, _object(raw), raw, retry=told, is_sdk=language is not None)
        problem = _problem(request)
        if problem is not None:
            self._send(problem[0], wire.error(*problem))
            return
        answer = self.server.script.decide(request)
        time.sleep(answer.reply.delay)
        self._deliver(answer)

    def _deliver(self, answer: Answer) -> None:
        """Send an answer, and take it back from the books if the client is not there to get it."""
        try:
            if self._client_has_gone():
                raise BrokenPipeError
            self._act(answer)
        except OSError:
            self.server.script.books.lost(answer.number)
            self.close_connection = True

    def _act(self, answer: Answer) -> None:
        """Do what the step says."""
        request, form = answer.request, answer.step.form
        if form == "hung":
            self._hang()
        elif form == "refused":
            status = answer.step.status or 500
            self._send(status, wire.error(status, "try again"))
        elif form == "overloaded" and not request.stream:
            self._send(529, wire.error(529, "the model is overloaded, try again"))
        elif form == "garbled" and not request.stream:
            self._send(_OK, _GARBLED)
        elif request.stream:
            self._stream(list(wire.events(request, answer.reply, answer.tokens)), form)
        else:
            self._send(_OK, wire.body(request, answer.reply, answer.tokens), form)

    def _send(self, status: int, body: bytes, form: Form = "reply") -> None:
        """Send a whole answer, or its first half."""
        self.send_response(status)
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        for name, value in (headers | (_RETRY_HEADERS if status >= _RETRIED_FROM else {})).items():
            self.send_header(name, value)
        self.end_headers()
        is_whole = form not in ("lost", "stuck")
        self.wfile.write(body if is_whole else body[: len(body) // 2])
        self.wfile.flush()
        if not is_whole:
            self._break(form)

    def _stream(self, events: list[bytes], form: Form) -> None:
        """Send an answer as server-sent events in HTTP chunks, all of it or its beginning."""
        self.send_response(_OK)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        ends = {"lost": b"", "stuck": b"", "overloaded": wire.error_event(), "garbled": b"data: " + _GARBLED + b"\n\n"}
        for piece in self._split([*events[:_BEGINNING], ends[form]] if form in ends else events):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if form in ("lost", "stuck"):
            self._break(form)
            return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _split(self, events: list[bytes]) -> Iterable[bytes]:
        """Yield the pieces in which a stream is sent."""
        size, text = self.server.split_every, b"".join(events)
        return [text[at : at + size] for at in range(0, len(text), size)] if size else filter(None, events)

    def _break(self, form: Form) -> None:
        """End a body in its middle: at once, or when the client leaves."""
        if form == "stuck":
            self._hang()
        self.close_connection = True
        _cut(self.connection)

    def _hang(self) -> None:
        """Keep the client waiting until it leaves, and answer nothing."""
        until = time.monotonic() + self.server.hang
        while time.monotonic() < until and not self._client_has_gone():
            if self.server.stopping.wait(_LOOK_EVERY):
                break
        self.close_connection = True

    def _client_has_gone(self) -> bool:
        """Tell whether the client has closed its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            if not selector.select(0):
                return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden name
        """Keep quiet: the books say it all."""


def _object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; an empty one where it is none."""
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _problem(request: Request) -> tuple[int, str] | None:
    """Return the status and the message of a request that cannot be answered."""
    if request.endpoint == "other":
        return 404, f"this server knows POST to {', '.join('/v1' + path for path in ENDPOINTS)}"
    return None if request.body else (400, "the body is no JSON object")


def _cut(connection: socket.socket) -> None:
    """Close a connection under the thread that reads from it."""
    with contextlib.suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
