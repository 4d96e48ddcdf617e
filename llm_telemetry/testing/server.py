"""An OpenAI- and Anthropic-compatible HTTP server on the loopback interface, scripted, with books of what it served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.testing.connection import Listener
from llm_telemetry.testing.faults import Faults
from llm_telemetry.testing.script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from llm_telemetry.testing.books import Price
    from llm_telemetry.testing.script import Answering, Failing, Marking


class LLMServer(Script):
    """A scripted endpoint for tests; also a context manager.

    The same seed, faults and requests give the same answers, whatever the order of arrival. An identical
    request that carries neither `seed` nor temperature 0 may be answered differently each time, as an API does.

    Args:
        answer: what the model says: a text, a `Reply`, or a function of the request that gives either.
        faults: what goes wrong, and how often; or a function of the request that gives it.
        mark: gives what the books are to know of a request, to select by: `{"role": "judge"}`.
        prices: by model, for `books.usd()`.
        seed: of all that the server draws.
        hang: seconds after which a request that is never answered has its connection closed. It is held
            no longer than the client stays, so let this exceed every client's timeout.
        split_every: bytes in each piece of a stream, whatever they cut in two; 0 sends each event by itself.

    Attributes:
        books: what was served.
        answer, faults, mark: as above; they may be set while the server runs.

    """

    def __init__(  # noqa: PLR0913 - all by keyword but the first
        self,
        answer: Answering = "4",
        *,
        faults: Failing | None = None,
        mark: Marking | None = None,
        prices: Mapping[str, Price] | None = None,
        seed: int = 0,
        hang: float = 60.0,
        split_every: int = 0,
    ) -> None:
        super().__init__(answer, faults or Faults(), mark or (lambda _: {}), prices or {}, seed)
        self._hang = hang
        self._split_every = split_every
        self._http: Listener | None = None

    @property
    def url(self) -> str:
        """Return the URL to give to an Anthropic client, which adds `/v1` by itself."""
        if self._http is None:
            raise RuntimeError("the server is not running: use it as a context manager, or call start()")
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def base_url(self) -> str:
        """Return the URL to give to an OpenAI client."""
        return f"{self.url}/v1"

    def start(self) -> Self:
        """Listen on a free port, in a thread of its own."""
        if self._http is None:
            self._http = Listener(self, self._hang, self._split_every)
            self._http.start()
        return self

    def close(self) -> None:
        """Close all connections and stop; hung requests do not delay it. Closing twice is fine.

        Raises the first of what `answer`, `faults` or `mark` have raised; their clients' connections were closed.
        """
        failures = self._stop()
        if failures:
            raise failures[0]

    def _stop(self) -> list[BaseException]:
        http, self._http = self._http, None
        if http is None:
            return []
        http.stop()
        return http.failures

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; a failure of the script does not hide the one that is under way."""
        if error is None:
            self.close()
        else:
            self._stop()
