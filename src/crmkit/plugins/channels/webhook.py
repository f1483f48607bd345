"""The webhook channel: posts messages as JSON to one HTTP endpoint, signed so that it knows who speaks.

Source: `Standard Webhooks 1.0 <https://github.com/standard-webhooks/standard-webhooks>`_ for the payload's form, the
headers and the signature; RFC 9110, sections 10.2.3 and 15, for ``Retry-After`` and what a status means.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

import attrs

from crmkit.errors import DeliveryFailed, InvalidInput
from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import NO_LIMITS, Limits

PREFIX = "whsec_"
LONGEST_WAIT = 86_400.0
TELLS = ("id", "channel", "to", "subject", "body", "html", "purpose", "customer_id", "about", "key")
WORTH_ANOTHER_TRY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


def _host(url: str) -> str:
    """What may be shown of an address: its path and query can hold a token."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).hostname}/…"


def _key(secret: str) -> bytes:
    """The key behind a secret as Standard Webhooks writes it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise InvalidInput(f"the secret of a webhook is {PREFIX} and 24 to 64 bytes in base64")
    return key


def _check_url(_channel: object, _attribute: object, url: str) -> None:
    if not _is_endpoint(url):
        raise InvalidInput("the url of a webhook is http(s)://host[:port]/path, without spaces and without a user")


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return whole and "@" not in parts.netloc and url.isascii() and url.isprintable() and " " not in url


@attrs.frozen(eq=False)
class WebhookChannel:
    """Posts messages to one endpoint.

    Each request carries ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, by which the endpoint can tell
    that it is genuine and fresh, and the message's id as ``Idempotency-Key``: the endpoint must ignore an id that it
    knows.  Redirects are not followed.

    Args:
        url: the endpoint, ``https`` outside of tests.
        secret: what both sides know: ``whsec_`` and 24 to 64 bytes in base64.
        name: what the channel is called.
        carries: the kinds of message that it takes.
        limits: what the endpoint can carry.
        timeout: how long to wait for each step of the conversation, in seconds, above 0.

    Raises:
        InvalidInput: the url, the secret or the timeout is not of that form.

    >>> WebhookChannel("https://example.com/hooks?token=1", secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    WebhookChannel(url=https://example.com/…, name='webhook')
    """

    url: str = attrs.field(validator=_check_url, repr=_host)
    _signing: bytes = attrs.field(alias="secret", converter=_key, kw_only=True, repr=False)
    name: str = attrs.field(default="webhook", kw_only=True)
    carries: frozenset[str] = attrs.field(default=frozenset({"webhook"}), kw_only=True, repr=False)
    limits: Limits = attrs.field(default=NO_LIMITS, kw_only=True, repr=False)
    timeout: float = attrs.field(default=10.0, kw_only=True, repr=False)

    @timeout.validator
    def _check_timeout(self, _attribute: object, timeout: float) -> None:
        if not 0 < timeout <= 3600:
            raise InvalidInput(f"the timeout of a webhook is above 0 and at most 3600 seconds, got {timeout!r}")

    def send(self, message: Message) -> str | None:
        """Post *message*.

        Raises:
            DeliveryFailed: nobody answered, or not with a status of 200 to 299.  A status of 300 to 499 is for good,
                except 408 and 429.
        """
        at = int(time.time())
        body = payload(message, at=at)
        connection = self._connect()
        try:
            connection.request("POST", self._target(), body=body, headers=self._headers(message, body, at=at))
            with connection.getresponse() as response:
                status, retry_after = response.status, response.getheader("Retry-After")
        except (OSError, HTTPException) as error:
            raise DeliveryFailed(f"{_host(self.url)} cannot be reached: {type(error).__name__}") from error
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise refusal(_host(self.url), status, retry_after, now=at)
        return None

    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    def _connect(self) -> HTTPConnection:
        parts = self._parts()
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=self.timeout)

    def _target(self) -> str:
        parts = self._parts()
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _headers(self, message: Message, body: bytes, *, at: int) -> Mapping[str, str]:
        return {
            "Content-Type": "application/json",
            "Connection": "close",
            "Idempotency-Key": message.id,
            "webhook-id": message.id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._signing, message.id, body, at=at),
        }


def payload(message: Message, *, at: int) -> bytes:
    """What is posted: ``type``, ``timestamp`` and ``data``, as UTF-8.

    Args:
        message: what is sent.
        at: when, in seconds since 1970.

    Example:
        >>> from crmkit import CRM
        >>> with CRM.open() as crm:
        ...     with crm.work() as work:
        ...         work.post(channel="sms", to="+8613912345678", body="Your table is ready.", key="table 7")
        ...     (message,) = crm.outbox.due()
        >>> posted = json.loads(payload(message, at=1772442000))
        >>> posted["type"], posted["timestamp"], posted["data"]["body"]
        ('message', '2026-03-02T09:00:00Z', 'Your table is ready.')
    """
    data = {name: getattr(message, name) for name in TELLS} | {"headers": dict(message.headers)}
    when = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": "message", "timestamp": when, "data": data}, ensure_ascii=False).encode()


def signature(key: bytes, message_id: str, body: bytes, *, at: int) -> str:
    """HMAC-SHA256 over the id, the time and the body, as ``v1,`` and base64.

    Args:
        key: the secret's bytes.
        message_id: the ``webhook-id``.
        body: what is posted, to the byte.
        at: the ``webhook-timestamp``, in seconds since 1970.

    >>> key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=1614265330)
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    signed = b".".join([message_id.encode(), str(at).encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def refusal(host: str, status: int, retry_after: str | None, *, now: int) -> DeliveryFailed:
    """What a status other than 200 to 299 means.

    Args:
        host: who refuses, as it may be shown.
        status: 100 to 599, other than 200 to 299.
        retry_after: the header of that name, if there is one.
        now: in seconds since 1970.

    Example:
        >>> busy, gone = (refusal("https://example.com/…", status, "30", now=0) for status in (503, 410))
        >>> (busy.permanent, busy.retry_after), (gone.permanent, gone.retry_after)
        ((False, 30.0), (True, None))
    """
    permanent = 300 <= status < 500 and status not in WORTH_ANOTHER_TRY
    wait = None if permanent else wait_for(retry_after, now=now)
    return DeliveryFailed(f"{host} answered {status}", permanent=permanent, retry_after=wait)


def wait_for(retry_after: str | None, *, now: int) -> float | None:
    """The seconds that a ``Retry-After`` asks for, a day at the most; nothing if it says nothing that makes sense.

    >>> wait_for("120", now=0), wait_for("Thu, 01 Jan 1970 00:01:00 GMT", now=0), wait_for("soon", now=0)
    (120.0, 60.0, None)
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        due = parsedate_to_datetime(text)
    except ValueError:
        return None
    seconds = (due if due.tzinfo else due.replace(tzinfo=UTC)).timestamp() - now
    return min(max(seconds, 0.0), LONGEST_WAIT)
