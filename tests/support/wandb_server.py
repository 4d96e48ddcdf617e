"""A W&B server on the loopback: the few GraphQL operations and the file stream that a run needs, stdlib only."""

from __future__ import annotations

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ENTITY = "me"
API_KEY = "0" * 40
HISTORY = "wandb-history.jsonl"
SUMMARY = "wandb-summary.json"
STREAM = re.compile(r"/files/[^/]+/[^/]+/(?P<run>[^/]+)/file_stream")


class Run:
    """What the server knows of one run."""

    def __init__(self) -> None:
        self.files: dict[str, dict[int, str]] = {}  # by file, by line number
        self.config = "{}"
        self.project = "p"
        self.complete = False

    @property
    def rows(self) -> list[dict[str, Any]]:
        lines = self.files.get(HISTORY, {})
        return [json.loads(lines[number]) for number in sorted(lines)]

    @property
    def summary(self) -> dict[str, Any]:
        lines = self.files.get(SUMMARY, {})
        return json.loads(lines[max(lines)]) if lines else {}

    def take(self, request: dict[str, Any]) -> None:
        """Store the lines of one file-stream request."""
        for name, chunk in (request.get("files") or {}).items():
            lines = self.files.setdefault(name, {})
            lines.update(enumerate(chunk["content"], start=chunk["offset"]))
        self.complete = self.complete or bool(request.get("complete"))


class Server:
    """Listens from the start; `failing` makes the file stream answer 500, alerts wait for `takes_alerts`."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.failing = False
        self.failures = 0
        self.takes_alerts = threading.Event()
        self.takes_alerts.set()
        self.alerts: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}  # by path
        self.lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        # wandb-core resets idle connections, which is no news.
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a run here."""
        return {"WANDB_MODE": "online", "WANDB_BASE_URL": self.url, "WANDB_API_KEY": API_KEY}

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def run(self, name: str) -> Run:
        return self.runs.setdefault(name, Run())

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON answer for a POST."""
        with self.lock:
            if path.endswith("/graphql"):
                query = json.loads(body)
                return 200, {"data": self._graphql(query["query"], query.get("variables") or {})}
            stream = STREAM.match(path)
            if stream is None:
                return 200, {}
            if self.failing:
                self.failures += 1
                return 500, {"error": "down"}
            self.run(stream["run"]).take(json.loads(body))
            return 200, {"exitcode": None, "limits": {}}

    def _graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        named = re.search(r"(?:query|mutation)\s+(\w+)", query)
        answer = ANSWERS.get(named[1] if named else "")
        return answer(self, variables) if answer else {}


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._send(200, server.uploads.get(self.path, b"{}"))

        def do_PUT(self) -> None:
            server.uploads[self.path] = self._read()
            self._send(200, b"{}")

        def do_POST(self) -> None:
            status, answer = server.answer(self.path, self._read())
            self._send(status, json.dumps(answer).encode())

        def _read(self) -> bytes:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _project(name: Any) -> dict[str, Any]:
    return {"id": "project", "name": name or "p", "entity": {"id": "entity", "name": ENTITY}}


def _viewer(_: Server, __: dict[str, Any]) -> dict[str, Any]:
    teams = {"edges": []}
    return {"viewer": {"id": "u", "entity": ENTITY, "username": ENTITY, "email": "a@b", "flags": "{}", "teams": teams}}


def _server_info(_: Server, __: dict[str, Any]) -> dict[str, Any]:
    versions = {"min_cli_version": "0.8.0", "max_cli_version": "0.99.0"}
    return {"serverInfo": {"cliVersionInfo": versions, "latestLocalVersionInfo": None, "features": []}}


def _resume_status(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    name = variables["name"]
    model = _project(variables.get("project"))
    if name not in server.runs:
        return {"model": {**model, "bucket": None}}
    run = server.runs[name]
    lines = run.files.get(HISTORY, {})
    bucket = {
        "id": f"storage-{name}",
        "name": name,
        "displayName": name,
        "summaryMetrics": json.dumps(run.summary),
        "historyTail": json.dumps([lines[max(lines)]] if lines else []),
        "eventsTail": "[]",
        "logLineCount": 0,
        "historyLineCount": len(lines),
        "eventsLineCount": 0,
        "config": run.config,
        "tags": [],
        "notes": "",
        "wandbConfig": json.dumps({"t": 1}),
    }
    return {"model": {**model, "bucket": bucket}}


def _upsert(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    name = variables.get("name") or str(variables.get("id")).removeprefix("storage-")
    is_new = name not in server.runs
    run = server.run(name)
    run.config = variables.get("config") or run.config
    run.project = variables.get("project") or run.project
    bucket = {
        "id": f"storage-{name}",
        "name": name,
        "displayName": variables.get("displayName") or name,
        "description": "",
        "config": run.config,
        "sweepName": "",
        "project": _project(run.project),
        "historyLineCount": len(run.files.get(HISTORY, {})),
    }
    return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}


def _create_files(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    url = f"{server.url}/storage/{variables['run']}/"
    files = [{"name": name, "uploadUrl": url + name} for name in variables["files"]]
    return {"createRunFiles": {"runID": variables["run"], "uploadHeaders": [], "files": files}}


def _run(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    """Return what the public API asks of a run."""
    name = variables["name"]
    if name not in server.runs:
        return {"project": {"run": None}}
    run = server.runs[name]
    made = "2026-01-01T00:00:00Z"
    told = {
        "id": name, "internalId": "1", "projectId": "1", "name": name, "displayName": name, "state": "finished",
        "config": run.config, "summaryMetrics": json.dumps(run.summary), "systemMetrics": "{}", "tags": [],
        "historyLineCount": len(run.rows), "createdAt": made, "heartbeatAt": made, "description": "", "notes": "",
        "sweepName": None, "group": None, "jobType": None, "commit": None, "readOnly": False,
        "historyKeys": {"lastStep": len(run.rows) - 1, "keys": {}}, "user": {"name": ENTITY, "username": ENTITY},
    }  # fmt: skip
    return {"project": {"internalId": "1", "run": told}}


def _history(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    rows = server.run(variables["run"]).rows
    page = [json.dumps(row) for row in rows if variables["minStep"] <= row["_step"] < variables["maxStep"]]
    return {"project": {"run": {"history": page}}}


def _live_history(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    history = {"parquetUrls": [], "liveData": server.run(variables["runName"]).rows}
    return {"project": {"run": {"parquetHistory": history}}}


def _history_keys(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    keys = {"lastStep": len(server.run(variables["name"]).rows) - 1, "keys": {}}
    return {"project": {"run": {"historyKeys": keys}}}


def _files(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the uploaded files of these names."""
    start = f"/storage/{variables['name']}/"
    there = {path.removeprefix(start): body for path, body in server.uploads.items() if path.startswith(start)}
    wanted = [name for name in there if name in variables["fileNames"]]
    nodes = [
        {
            "id": name, "name": name, "url": f"{server.url}{start}{name}", "directUrl": f"{server.url}{start}{name}",
            "sizeBytes": len(there[name]), "mimetype": "", "updatedAt": None, "md5": "",
        }
        for name in wanted
    ]  # fmt: skip
    page = {"endCursor": None, "hasNextPage": False}
    found = {"edges": [{"node": node, "cursor": ""} for node in nodes], "pageInfo": page}
    return {"project": {"internalId": "1", "run": {"fileCount": len(nodes), "files": found}}}


def _upsert_view(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    server.views.append(variables)
    return {"upsertView": {"view": {"id": "view", "name": variables["name"]}, "inserted": True}}


def _alert(server: Server, variables: dict[str, Any]) -> dict[str, Any]:
    server.takes_alerts.wait()
    server.alerts.append(variables)
    return {"notifyScriptableRunAlert": {"success": True}}


ANSWERS: dict[str, Callable[[Server, dict[str, Any]], dict[str, Any]]] = {
    "Viewer": _viewer,
    "ServerFeaturesQuery": _server_info,
    "ServerInfo": _server_info,
    "RunResumeStatus": _resume_status,
    "UpsertBucket": _upsert,
    "CreateRunFiles": _create_files,
    "MarkRunFilesUploaded": lambda *_: {"markRunFilesUploaded": {"success": True}},
    "RunStoppedStatus": lambda *_: {"project": {"run": {"stopped": False}}},
    "NotifyScriptableRunAlert": _alert,
    "UpsertView2": _upsert_view,
    "GetDefaultEntity": lambda *_: {"viewer": {"id": "u", "entity": ENTITY}},
    "Run": _run,
    "RunFiles": _files,
    "RunHistoryKeys": _history_keys,
    "RunParquetHistory": _live_history,
    "HistoryPage": _history,
    "OrgFeatureFlags": lambda *_: {"organization": {"featureFlags": []}},
    "OrganizationCoreWeaveOrganizationID": lambda *_: {"entity": {"organization": None}},
}
