"""The channels that ship with crmkit pass the suite that ships with it, and the suite finds channels that do not."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest

from crmkit import DeliveryFailed, InvalidInput
from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.console import ConsoleChannel
from crmkit.plugins.channels.memory import MemoryChannel
from crmkit.plugins.channels.port import Channel, Limits
from crmkit.testing.suites import ChannelSuite


class TestMemoryChannel(ChannelSuite):
    capabilities = frozenset({"idempotent"})

    @pytest.fixture
    def channel(self) -> MemoryChannel:
        return MemoryChannel()

    def received(self, channel: Channel) -> list[Message]:
        assert isinstance(channel, MemoryChannel)
        return channel.sent


class TestNarrowMemoryChannel(TestMemoryChannel):
    @pytest.fixture
    def channel(self) -> MemoryChannel:
        return MemoryChannel(name="pager", carries=frozenset({"sms", "pager"}), limits=Limits(max_body=160))


class TestConsoleChannel(ChannelSuite):
    @pytest.fixture
    def channel(self) -> ConsoleChannel:
        return ConsoleChannel()

    @pytest.fixture(autouse=True)
    def _watch(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.printed = capsys, ""

    def received(self, channel: Channel) -> list[str]:
        assert isinstance(channel, ConsoleChannel)
        self.printed += self.capsys.readouterr().out
        return [line.removeprefix(f"→ email to {self.address}: ") for line in self.printed.split("\n") if line]


def test_the_console_prints_a_line_for_each_message(capsys: pytest.CaptureFixture[str]) -> None:
    suite = TestConsoleChannel()
    message = suite.message(ConsoleChannel(), "one\ntwo")
    ConsoleChannel().send(message)
    ConsoleChannel().send(message.evolve(subject="Your lesson"))
    assert capsys.readouterr().out == "→ email to li@example.com: one\n→ email to li@example.com: Your lesson\n"


# ── What the suite finds ──


@attrs.frozen(eq=False)
class Careless:
    """A channel that does everything wrong."""

    token: str = "s3cret"
    name: str = ""
    carries: frozenset[str] = frozenset()
    limits: Limits = attrs.field(factory=lambda: Limits(max_body=0))
    sent: list[str] = attrs.field(factory=list)

    def send(self, message: Message) -> str | None:
        if message.to == "nobody":
            raise DeliveryFailed(f"refused with {self.token}")
        self.sent.append(message.body.encode("ascii", "replace").decode())
        return None


class Caught(ChannelSuite):
    secrets = ("s3cret",)
    capabilities: ClassVar[set[str]] = {"idempotent"}

    def received(self, channel: Channel) -> list[str]:
        assert isinstance(channel, Careless)
        return channel.sent

    def failing(self, channel: Channel, *, permanent: bool) -> Channel | None:
        self.address = "nobody" if permanent else "somebody"
        return channel


@pytest.mark.parametrize(
    "check",
    [
        "test_its_name_can_be_printed",
        "test_what_it_carries_can_be_printed",
        "test_its_limits_let_something_through",
        "test_it_shows_no_secret",
        "test_the_same_id_twice_arrives_once",
        "test_threads_send_the_same_id_at_once",
        "test_a_body_that_is_too_long_is_refused_before_anything_is_sent",
    ],
)
def test_the_suite_finds(check: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        getattr(Caught(), check)(Careless())


def test_the_suite_finds_a_text_that_was_changed() -> None:
    with pytest.raises(AssertionError):
        Caught().test_a_text_arrives_unchanged(Careless(), "Łódź")


def test_the_suite_finds_a_failure_that_claims_to_pass() -> None:
    with pytest.raises(AssertionError):
        Caught().test_a_failure_is_told_as_one(Careless(), permanent=True)


def test_the_suite_finds_a_failure_that_nobody_is_told() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        Caught().test_a_failure_is_told_as_one(Careless(), permanent=False)


def test_the_suite_finds_a_capability_that_does_not_exist() -> None:
    class Mistyped(ChannelSuite):
        capabilities = frozenset({"idempotant"})

    with pytest.raises(AssertionError, match="idempotent"):
        Mistyped().test_it_promises_only_what_can_be_tested()


def test_what_the_suite_cannot_see_is_skipped() -> None:
    suite, channel = ChannelSuite(), MemoryChannel()
    for check in (suite.test_the_same_id_twice_arrives_once, suite.test_threads_send_the_same_id_at_once):
        with pytest.raises(pytest.skip.Exception, match="idempotent"):
            check(channel)
    with pytest.raises(pytest.skip.Exception, match="received"):
        suite.test_a_text_arrives_unchanged(channel, "Hello")
    with pytest.raises(pytest.skip.Exception, match="failing"):
        suite.test_a_failure_is_told_as_one(channel, permanent=True)


@pytest.mark.parametrize("longest", [-1, 1.5, True, "70"])
def test_the_longest_body_is_a_whole_number(longest: Any) -> None:
    with pytest.raises(InvalidInput, match="0 or more"):
        Limits(max_body=longest)
