"""An OpenAI-compatible HTTP server on the loopback interface, scripted, with books of what it served."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from llm_telemetry.demo import wire
from llm_telemetry.demo.books import Books
from llm_telemetry.demo.desk import Answer, Desk
from llm_telemetry.demo.faults import Faults

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_PATH = "/v1/chat/completions"
_RETRY_AFTER_MS = "5"  # milliseconds; without it the SDK would wait half a second and more
_LOOK_EVERY = 0.02  # seconds between looks at a client that is kept waiting
_CLOSE_WITHIN = 5.0  # seconds that closing waits for the connections' threads


class DemoServer:
    """A scripted endpoint for the demo and its tests; also a context manager.

    The same seed, faults and requests give the same answers, whatever the order of arrival. An identical
    request that carries neither `seed` nor temperature 0 is answered differently each time, as an API does.

    Args:
        seed: of all that the server draws.
        faults: what goes wrong, and how often.
        hang: seconds after which a request that is never answered has its connection closed. It is held
            no longer than the client stays, so let this exceed every client's timeout.

    """

    def __init__(self, seed: int = 0, faults: Faults | None = None, hang: float = 60.0) -> None:
        self.books = Books()
        self.desk = Desk(seed, Faults() if faults is None else faults, self.books)
        self.hang = hang
        self._http: _Listener | None = None

    @property
    def base_url(self) -> str:
        """Return the URL to give to an OpenAI client."""
        if self._http is None:
            raise RuntimeError("the server is not running: use it as a context manager, or call start()")
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def start(self) -> Self:
        """Listen on a free port, in a thread of its own."""
        if self._http is None:
            self._http = _Listener(self)
            self._http.start()
        return self

    def close(self) -> None:
        """Close all connections and stop; hung requests do not delay it. Closing twice is fine."""
        http, self._http = self._http, None
        if http is not None:
            http.stop()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


class _Listener(ThreadingHTTPServer):
    """The listening socket and its open connections."""

    request_queue_size = 256  # many clients connect at once; the default backlog of 5 drops some
    daemon_threads = True

    def __init__(self, demo: DemoServer) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.demo = demo
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="demo-server", daemon=True)

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
                self.finish_request(request, client_address)
        except OSError:
            pass  # the client has gone in the middle of something: its right
        finally:
            self.shutdown_request(request)
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()


class _Connection(BaseHTTPRequestHandler):
    """One client's connection, kept alive over its requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # bytes: head and body leave in one packet
    server: _Listener

    def do_POST(self) -> None:
        """Answer one chat completion."""
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != _PATH:
            self._send(404, wire.error(404))
            return
        retry = self.headers.get("x-stainless-retry-count")
        try:
            answer = self.server.demo.desk.answer(json.loads(raw), None if retry is None else int(retry))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._send(400, wire.error(400))
            return
        if answer.step.form == "hung":
            self._hang()
        else:
            time.sleep(answer.delay)
            self._deliver(answer)

    def _deliver(self, answer: Answer) -> None:
        """Send an answer, and take it back from the books if the client is not there to get it."""
        try:
            if self._client_has_gone():
                raise BrokenPipeError
            if answer.step.status != 200:  # noqa: PLR2004 - an HTTP status
                self._send(answer.step.status or 500, wire.error(answer.step.status or 500))
            elif answer.question.stream:
                self._stream(answer)
            else:
                self._send(200, wire.completion(answer))
        except OSError:
            self.server.demo.books.lost(answer.number)
            self.close_connection = True

    def _hang(self) -> None:
        """Keep the client waiting until it leaves, and answer nothing."""
        until = time.monotonic() + self.server.demo.hang
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

    def _send(self, status: int, body: bytes) -> None:
        """Send a whole answer."""
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status >= 429:  # noqa: PLR2004 - from here on the SDK tries again
            self.send_header("retry-after-ms", _RETRY_AFTER_MS)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, answer: Answer) -> None:
        """Send an answer as server-sent events, each in an HTTP chunk of its own."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in wire.events(answer):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden name
        """Keep quiet: the books say it all."""


def _cut(connection: socket.socket) -> None:
    """Close a connection under the thread that reads from it."""
    with contextlib.suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
