"""The webhook channel, against a real server on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import pytest

from crmkit import DeliveryFailed, InvalidInput
from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import Channel, Limits
from crmkit.plugins.channels.webhook import WebhookChannel, wait_for
from crmkit.testing.suites import ChannelSuite

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@attrs.define
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data


class Endpoint(ThreadingHTTPServer):
    """The other side, which ignores a message that it knows as Standard Webhooks asks it to."""

    request_queue_size = 32

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests: list[Request] = []
        self.status, self.extra = 204, dict[str, str]()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hooks?token=s3cret"

    @property
    def known(self) -> dict[str, Request]:
        first: dict[str, Request] = {}
        for request in self.requests:
            first.setdefault(request.headers["idempotency-key"], request)
        return first


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        endpoint = self.server
        assert isinstance(endpoint, Endpoint)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with endpoint.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            endpoint.requests.append(Request(self.path, headers, body))
        self.send_response(endpoint.status)
        for name, value in endpoint.extra.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def channel(endpoint: Endpoint) -> WebhookChannel:
    return WebhookChannel(endpoint.url, secret=SECRET, timeout=5)


@pytest.fixture
def message(channel: WebhookChannel) -> Message:
    return ChannelSuite().message(channel, "Grüße 💃🏽")


class TestWebhookChannel(ChannelSuite):
    secrets = (SECRET, SECRET.removeprefix("whsec_"), KEY.decode(), "s3cret")
    capabilities = frozenset({"idempotent"})

    @pytest.fixture(autouse=True)
    def _listen(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @pytest.fixture
    def channel(self, endpoint: Endpoint) -> WebhookChannel:
        return WebhookChannel(endpoint.url, secret=SECRET, limits=Limits(max_body=2000), timeout=5)

    def received(self, channel: Channel) -> list[str]:
        assert isinstance(channel, WebhookChannel)
        return [request.data["body"] for request in self.endpoint.known.values()]

    def failing(self, channel: Channel, *, permanent: bool) -> Channel:
        self.endpoint.status = 410 if permanent else 503
        return channel


def test_the_endpoint_can_verify_it(channel: WebhookChannel, endpoint: Endpoint, message: Message) -> None:
    channel.send(message)
    [request] = endpoint.requests
    signed = b".".join([message.id.encode(), request.headers["webhook-timestamp"].encode(), request.body])
    proof = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{proof}"
    assert request.headers["webhook-id"] == request.headers["idempotency-key"] == message.id
    assert request.headers["content-type"] == "application/json"


def test_it_tells_the_whole_message(channel: WebhookChannel, endpoint: Endpoint, message: Message) -> None:
    channel.send(message.evolve(subject="Hi", headers={"template": "tpl_1"}))
    [request] = endpoint.requests
    assert request.path == "/hooks?token=s3cret"
    assert json.loads(request.body)["type"] == "message"
    assert request.data == {
        "id": message.id,
        "channel": "webhook",
        "to": message.to,
        "subject": "Hi",
        "body": "Grüße 💃🏽",
        "html": None,
        "purpose": "service",
        "customer_id": None,
        "about": None,
        "key": message.key,
        "headers": {"template": "tpl_1"},
    }


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410, 422])
def test_a_status_that_is_for_good(channel: WebhookChannel, endpoint: Endpoint, message: Message, status: int) -> None:
    endpoint.status, endpoint.extra = status, {"Retry-After": "7", "Location": "/elsewhere"}
    with pytest.raises(DeliveryFailed, match=str(status)) as failure:
        channel.send(message)
    assert (failure.value.permanent, failure.value.retry_after) == (True, None)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_status_that_passes(channel: WebhookChannel, endpoint: Endpoint, message: Message, status: int) -> None:
    endpoint.status, endpoint.extra = status, {"Retry-After": "7"}
    with pytest.raises(DeliveryFailed, match=str(status)) as failure:
        channel.send(message)
    assert (failure.value.permanent, failure.value.retry_after) == (False, 7)


def test_nobody_listens(message: Message) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = WebhookChannel(f"http://127.0.0.1:{taken.getsockname()[1]}/", secret=SECRET)
        with pytest.raises(DeliveryFailed, match="ConnectionRefusedError") as failure:
            closed.send(message)
    assert not failure.value.permanent


def test_nobody_answers(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = WebhookChannel(f"http://127.0.0.1:{silent.getsockname()[1]}/", secret=SECRET, timeout=0.05)
        with pytest.raises(DeliveryFailed, match="TimeoutError") as failure:
            slow.send(message)
    assert not failure.value.permanent


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("0", 0),
        (" 30 ", 30),
        ("-5", None),
        ("9" * 400, 86_400),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20),
        ("Thu, 01 Jan 1970 00:02:00 -0000", 20),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 86_400),
        ("tomorrow", None),
    ],
)
def test_how_long_to_wait(header: str | None, wait: float | None) -> None:
    assert wait_for(header, now=100) == wait


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hooks",
        "ftp://example.com",
        "https://",
        "https://li:pw@example.com/",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
    ],
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(InvalidInput, match="url of a webhook"):
        WebhookChannel(url, secret=SECRET)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_ä", "whsec_!"]
)
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(InvalidInput, match="secret of a webhook") as failure:
        WebhookChannel("https://example.com/", secret=secret)
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(failure.value).split()


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_what_is_no_timeout(timeout: float) -> None:
    with pytest.raises(InvalidInput, match="timeout"):
        WebhookChannel("https://example.com/", secret=SECRET, timeout=timeout)
