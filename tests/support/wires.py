"""HTTP libraries, each used as their users do: one call given in full, one streamed; sync and async told apart by name.

Every function takes the server's URL and what to post, and gives status and text.
"""

import asyncio
import json

import aiohttp
import httpx
import requests

try:
    import httpx2
except ImportError:  # openai 3 and its generation bring it along
    httpx2 = None


def sync_httpx(module):
    def ask(url, body, *, stream=False, stop=False, timeout=5):
        with module.Client(timeout=timeout) as client:
            if not stream:
                response = client.post(url, json=body)
                assert type(response) is module.Response
                return response.status_code, response.text
            with client.stream("POST", url, json=body) as response:
                lines = response.iter_lines()
                return response.status_code, next(lines) if stop else "\n".join(lines)

    return ask


def async_httpx(module):
    async def ask(url, body, *, stream=False, stop=False, timeout=5):
        async with module.AsyncClient(timeout=timeout) as client:
            if not stream:
                response = await client.post(url, json=body)
                assert type(response) is module.Response
                return response.status_code, response.text
            async with client.stream("POST", url, json=body) as response:
                lines = response.aiter_lines()
                return response.status_code, await anext(lines) if stop else "\n".join([line async for line in lines])

    return ask


def by_requests(url, body, *, stream=False, stop=False, timeout=5):
    with requests.post(url, json=body, stream=stream, timeout=timeout) as response:
        assert type(response) is requests.Response
        if not stream:
            return response.status_code, response.content.decode()
        lines = response.iter_lines()
        return response.status_code, (next(lines) if stop else b"\n".join(lines)).decode()


async def by_aiohttp(url, body, *, stream=False, stop=False, timeout=5):
    limit = aiohttp.ClientTimeout(total=timeout)
    async with aiohttp.ClientSession(timeout=limit) as session, session.post(url, json=body) as response:
        assert type(response) is aiohttp.ClientResponse
        if not stream:
            return response.status, await response.text()
        if stop:
            return response.status, (await response.content.readline()).decode()
        return response.status, b"".join([line async for line in response.content]).decode()


WIRES = {
    "httpx-sync": sync_httpx(httpx),
    "httpx-async": async_httpx(httpx),
    "requests": by_requests,
    "aiohttp": by_aiohttp,
}
if httpx2 is not None:
    WIRES |= {"httpx2-sync": sync_httpx(httpx2), "httpx2-async": async_httpx(httpx2)}


# --- further ways to read one and the same response


def httpx_read_later(url, body):
    with httpx.Client() as client:
        response = client.send(client.build_request("POST", url, json=body), stream=True)
        assert isinstance(response.stream, httpx.SyncByteStream)
        text = response.read().decode()
        assert response.json() == json.loads(text)
        response.close()
        return text


async def httpx_read_raw(url, body):
    async with httpx.AsyncClient() as client, client.stream("POST", url, json=body) as response:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        return b"".join([piece async for piece in response.aiter_raw()]).decode()


def httpx_function(url, body):
    return httpx.post(url, content=json.dumps(body)).text


def requests_read_later(url, body):
    response = requests.post(url, data=json.dumps(body), stream=True, timeout=5)
    text = response.text
    assert response.json() == json.loads(text)
    return text


def requests_by_pieces(url, body):
    with requests.Session() as session:
        response = session.post(url, json=body, stream=True)
        response.encoding = "utf-8"
        return "".join(response.iter_content(11, decode_unicode=True))


def requests_prepared(url, body):
    with requests.Session() as session:
        return session.send(request=session.prepare_request(requests.Request("post", url, json=body))).text


async def aiohttp_json(url, body):
    async with aiohttp.ClientSession() as session:
        response = await session.post(url, data=json.dumps(body))
        assert await response.json() == json.loads(await response.text())
        return await response.text()


async def aiohttp_chunked(url, body):
    async with aiohttp.request("post", url, json=body) as response:
        return b"".join([piece async for piece in response.content.iter_chunked(13)]).decode()


async def aiohttp_chunks(url, body):
    root, _, path = url.partition("/v1")
    async with (
        aiohttp.ClientSession(root) as session,
        session.request("POST", f"/v1{path}", json=body) as response,
    ):
        return b"".join([piece async for piece, _ in response.content.iter_chunks()]).decode()


async def aiohttp_exactly(url, body):
    async with aiohttp.ClientSession(read_bufsize=64) as session, session.post(url, json=body) as response:
        await asyncio.sleep(0.05)  # all of it may have come by the time that it is read
        length = response.content_length
        return (await response.content.readexactly(length)).decode()


READERS = [
    httpx_read_later,
    httpx_read_raw,
    httpx_function,
    requests_read_later,
    requests_by_pieces,
    requests_prepared,
    aiohttp_json,
    aiohttp_chunked,
    aiohttp_chunks,
    aiohttp_exactly,
]
