"""The conformance suite of channels: what the courier and the person at the other end rely on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any, ClassVar
from uuid import uuid4

import attrs
import pytest

from crmkit.crm import CRM
from crmkit.errors import DeliveryFailed
from crmkit.kernel.ids import id_of
from crmkit.kernel.outbox import Message, Receipt
from crmkit.plugins.channels.port import Channel, Limits

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CAPABILITIES = frozenset({"idempotent"})
THREADS = 10
TEXTS = {
    "accents": "Grüße aus Łódź, s'il vous plaît",
    "combining": "x\u0302 and q\u0323\u0307, which no single code point has",
    "emoji": "Booked 💃🏽 for 👩‍👩‍👧 in 🇨🇳",
    "right to left": "שלום, הזמנה 42 מוכנה; مرحبا",
    "beyond 16 bits": "𠮷野家 and 𝒳",
    "markup": "<b>5 > 3</b> & \"quoted\" 'twice' \\n {name} %s",
}
PERMANENCE = pytest.mark.parametrize("permanent", [False, True], ids=["for now", "for good"])


@attrs.frozen(eq=False)
class Watched:
    """A channel, and what the courier has asked of it."""

    channel: Channel
    asked: list[Message] = attrs.field(factory=list, init=False)

    @property
    def name(self) -> str:
        """What the channel is called."""
        return self.channel.name

    @property
    def carries(self) -> frozenset[str]:
        """What it carries."""
        return self.channel.carries

    @property
    def limits(self) -> Limits:
        """Its limits."""
        return self.channel.limits

    def send(self, message: Message) -> str | None:
        """Note the message, and let the channel send it."""
        self.asked.append(message)
        return self.channel.send(message)


class ChannelSuite:
    """What every channel must do.  Inherit it and give the fixture ``channel``.

    What a suite cannot see from outside you tell it: override ``received`` and ``failing``, or the tests that need them
    are skipped.

    Attributes:
        address: where the messages of the suite go.
        secrets: what the channel was given in confidence; it must show up neither in ``repr`` nor in an error.
        capabilities: what the channel promises beyond the port: ``idempotent`` if the same message id twice reaches the
            other side once.
    """

    address: str = "li@example.com"
    secrets: ClassVar[tuple[str, ...]] = ()
    capabilities: ClassVar[AbstractSet[str]] = frozenset()

    @pytest.fixture
    def channel(self) -> Channel:
        """The channel under test.

        Raises:
            NotImplementedError: the class that inherits the suite has not said which.
        """
        raise NotImplementedError("give the suite a fixture `channel` that returns your channel")

    def received(self, channel: Channel) -> Sequence[Message] | Sequence[str] | None:  # noqa: ARG002 - for heirs
        """All that has arrived at the other side of *channel*: messages or their bodies; nothing if nobody can see."""
        return None

    def failing(self, channel: Channel, *, permanent: bool) -> Channel | None:  # noqa: ARG002 - for heirs
        """A channel, *channel* itself or another, whose other side fails; nothing if it cannot fail in that way.

        Args:
            channel: the channel under test.
            permanent: whether it fails for good, so that trying again is pointless.
        """
        return None

    # ── What it says of itself ──

    def test_its_name_can_be_printed(self, channel: Channel) -> None:
        """Receipts and logs speak of the channel by its name."""
        assert isinstance(channel, Channel)
        assert printable(channel.name)

    def test_what_it_carries_can_be_printed(self, channel: Channel) -> None:
        """A channel that carries nothing would never be asked."""
        assert isinstance(channel.carries, frozenset)
        assert channel.carries
        assert all(printable(kind) for kind in channel.carries)

    def test_its_limits_let_something_through(self, channel: Channel) -> None:
        """No limit, or one of at least one character."""
        assert isinstance(channel.limits, Limits)
        assert channel.limits.max_body is None or channel.limits.max_body > 0

    def test_it_promises_only_what_can_be_tested(self) -> None:
        """A mistyped capability would quietly leave its tests out."""
        assert set(self.capabilities) <= CAPABILITIES, f"the capabilities are {sorted(CAPABILITIES)}"

    def test_it_shows_no_secret(self, channel: Channel) -> None:
        """Channels are printed in logs and tracebacks."""
        self.keeps_secrets(repr(channel))
        self.keeps_secrets(str(channel))

    # ── What arrives ──

    def test_the_courier_delivers_through_it(self, channel: Channel) -> None:
        """What the channel calls a message is a text that the outbox can keep, or nothing."""
        [receipt], message = self.delivered(channel, "Hello")
        assert (receipt.sent, receipt.channel, receipt.error) == (True, channel.name, None)
        assert receipt.reference is None or printable(receipt.reference)
        assert (message.state, message.reference) == ("sent", receipt.reference)
        if (bodies := self.bodies(channel)) is not None:
            assert bodies == ["Hello"]

    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_a_text_arrives_unchanged(self, channel: Channel, text: str) -> None:
        """Every script, to the last code point."""
        before = self.seen(channel)
        message = self.message(channel, text)
        channel.send(message)
        assert self.seen(channel) == [*before, message.body]

    def test_the_same_id_twice_arrives_once(self, channel: Channel) -> None:
        """A courier that dies between sending and noting it is followed by one that sends again."""
        self.needs("idempotent")
        message = self.message(channel, "once")
        channel.send(message)
        channel.send(message)
        channel.send(self.message(channel, "another"))
        assert self.seen(channel) == ["once", "another"]

    def test_threads_send_at_once(self, channel: Channel) -> None:
        """Workers share a channel; nothing is lost, mixed or sent twice."""
        messages = [self.message(channel, f"message {n}") for n in range(THREADS)]
        at_once(channel.send, messages)
        if (bodies := self.bodies(channel)) is not None:
            assert sorted(bodies) == sorted(message.body for message in messages)

    def test_threads_send_the_same_id_at_once(self, channel: Channel) -> None:
        """A lease can run out while the first courier is still at it."""
        self.needs("idempotent")
        at_once(channel.send, [self.message(channel, "once")] * THREADS)
        assert self.seen(channel) == ["once"]

    # ── What does not ──

    def test_a_body_that_is_too_long_is_refused_before_anything_is_sent(self, channel: Channel) -> None:
        """By the courier, for good; one that just fits is sent."""
        longest = channel.limits.max_body
        if longest is None:
            pytest.skip("the channel carries bodies of any length")
        watched = Watched(channel)
        [receipt], message = self.delivered(watched, "x" * (longest + 1))
        assert (receipt.sent, message.state, watched.asked) == (False, "dead", [])
        assert str(longest + 1) in (receipt.error or "")
        [receipt], message = self.delivered(watched, "x" * longest)
        assert (receipt.sent, message.state, len(watched.asked)) == (True, "sent", 1)

    @PERMANENCE
    def test_a_failure_is_told_as_one(self, channel: Channel, permanent: bool) -> None:  # noqa: FBT001 - pytest's
        """It says what happened, and whether trying again makes sense."""
        broken = self.broken(channel, permanent=permanent)
        with pytest.raises(DeliveryFailed) as failure:
            broken.send(self.message(broken, "Hello"))
        assert failure.value.permanent is permanent
        assert failure.value.retry_after is None or failure.value.retry_after >= 0
        assert str(failure.value).strip()
        self.keeps_secrets(str(failure.value))

    @PERMANENCE
    def test_a_failure_is_tried_again_if_it_makes_sense(self, channel: Channel, permanent: bool) -> None:  # noqa: FBT001 - pytest's
        """The outbox keeps what failed for now, and buries what failed for good."""
        [receipt], message = self.delivered(self.broken(channel, permanent=permanent), "Hello")
        assert not receipt.sent
        assert (message.state, message.attempts) == ("dead" if permanent else "due", 1)

    # ── What the tests are made of ──

    def message(self, channel: Channel, body: str) -> Message:
        """A message of a kind that *channel* carries, with an id that no other has."""
        new = id_of("msg", uuid4())
        return Message(
            id=new, created_at=NOW, version=1, channel=kind(channel), to=self.address, body=body, key=new, due_at=NOW
        )

    def delivered(self, channel: Channel, body: str) -> tuple[list[Receipt], Message]:
        """What the courier of a CRM in memory says, and what its outbox keeps, once *channel* was asked."""
        with CRM.open("memory://", channels=[channel]) as crm:
            with crm.work() as work:
                work.post(channel=kind(channel), to=self.address, body=body, key="suite")
            receipts = crm.deliver(rounds=1)
            with crm.work() as work:
                [message] = work.find(Message)
            return receipts, message

    def bodies(self, channel: Channel) -> list[str] | None:
        """The bodies of all that has arrived; nothing if nobody can see."""
        arrived = self.received(channel)
        return None if arrived is None else [one.body if isinstance(one, Message) else one for one in arrived]

    def seen(self, channel: Channel) -> list[str]:
        """The bodies of all that has arrived; the test is skipped if nobody can see."""
        if (bodies := self.bodies(channel)) is None:
            pytest.skip("override `received` to show what has arrived")
        return bodies

    def broken(self, channel: Channel, *, permanent: bool) -> Channel:
        """A channel that fails; the test is skipped if there is none."""
        if (broken := self.failing(channel, permanent=permanent)) is None:
            pytest.skip("override `failing` to let the other side fail")
        return broken

    def needs(self, capability: str) -> None:
        """Skip the test if the channel does not promise *capability*."""
        if capability not in self.capabilities:
            pytest.skip(f"the channel does not say that it is {capability}")

    def keeps_secrets(self, text: str) -> None:
        """Nothing that is secret occurs in *text*."""
        assert [secret for secret in self.secrets if secret in text] == []


def printable(text: Any) -> bool:
    """Whether *text* is a text in one line that is not blank."""
    return isinstance(text, str) and text.isprintable() and bool(text.strip())


def kind(channel: Channel) -> str:
    """A kind of message that *channel* carries."""
    return next((kind for kind in sorted(channel.carries) if kind != "*"), "email")


def at_once(send: Callable[[Message], str | None], messages: Sequence[Message]) -> None:
    """Send every one of *messages* from a thread of its own, all at the same moment."""
    start = Barrier(len(messages))

    def one(message: Message) -> None:
        start.wait(timeout=10)
        send(message)

    with ThreadPoolExecutor(len(messages)) as pool:
        list(pool.map(one, messages))
