"""A loopback server with the answers of Gemini, of Bedrock and of an endpoint for evaluations."""

import binascii
import contextlib
import json
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

TEXT = ("The answer ", "is 4.")
GEMINI = {"promptTokenCount": 90, "candidatesTokenCount": 20, "thoughtsTokenCount": 5, "cachedContentTokenCount": 32}
CONVERSE = {"inputTokens": 50, "outputTokens": 20, "cacheReadInputTokens": 30, "cacheWriteInputTokens": 10}
CLAUDE = {"input_tokens": 90, "output_tokens": 20}


def gemini(texts, usage=GEMINI, **end):
    parts = [{"text": "Hm.", "thought": True}, *({"text": text} for text in texts)]
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, **end}],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
    }


def gemini_stream():
    first = gemini(TEXT[:1], {"promptTokenCount": 90, "cachedContentTokenCount": 32})
    return [first, gemini(TEXT[1:], finishReason="STOP")]


def frame(kind, told):
    """One message of AWS's event streams: lengths, headers, the payload, and two check sums."""
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in ((":message-type", "event"), (":event-type", kind), (":content-type", "application/json"))
    )
    payload = json.dumps(told).encode()
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = start + struct.pack(">I", binascii.crc32(start)) + headers + payload
    return body + struct.pack(">I", binascii.crc32(body))


def converse_stream():
    return b"".join(
        (
            frame("messageStart", {"role": "assistant"}),
            *(frame("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0}) for text in TEXT),
            frame("messageStop", {"stopReason": "end_turn"}),
            frame("metadata", {"usage": CONVERSE, "metrics": {"latencyMs": 1}}),
        )
    )


def invoke_stream():
    events = (
        {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 90, "output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "The answer is 4."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 20}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 90}},
    )
    chunks = (binascii.b2a_base64(json.dumps(event).encode(), newline=False).decode() for event in events)
    return b"".join(frame("chunk", {"bytes": chunk}) for chunk in chunks)


def message(texts):
    return {"message": {"role": "assistant", "content": [{"text": text} for text in texts]}}


PLAIN = {
    ":generateContent": gemini(TEXT, finishReason="STOP"),
    "/converse": {"output": message(TEXT), "stopReason": "end_turn", "usage": CONVERSE, "metrics": {"latencyMs": 1}},
    "/invoke": {"type": "message", "content": [{"type": "text", "text": "".join(TEXT)}], "usage": CLAUDE},
    "/evaluations": {
        "result": {"answers": {"grade": {"score": 1.0}}, "usage": {"inputTokens": 90, "outputTokens": 20}}
    },
}
STREAMS = {"/converse-stream": converse_stream, "/invoke-with-response-stream": invoke_stream}
TOLD = {"x-amzn-bedrock-input-token-count": "90", "x-amzn-bedrock-output-token-count": "20"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if self.server.failing:
            self.server.failing -= 1
            self._send(429, json.dumps({"error": {"code": 429, "message": "slow"}, "message": "slow"}).encode())
        elif path.endswith(":streamGenerateContent"):
            lines = (f"data: {json.dumps(event)}\r\n\r\n" for event in gemini_stream())
            self._send(200, "".join(lines).encode(), "text/event-stream")
        else:
            end = next((end for end in (*PLAIN, *STREAMS) if path.endswith(end)), None)
            body = STREAMS[end]() if end in STREAMS else json.dumps(PLAIN[end]).encode()
            self._send(200, body, "application/vnd.amazon.eventstream" if end in STREAMS else "application/json")

    def _send(self, status, body, kind="application/json"):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **TOLD}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def other_apis():
    """Serve; `asked` has the paths, the next `failing` requests are refused with 429."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked, server.failing = [], 0
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", server=server, asked=server.asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
