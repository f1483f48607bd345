"""The pytest plugin: ``crm``, ``clock`` and ``sent`` in every test of a host that has crmkit installed.

Time stands still, nothing leaves the machine, and every test has a store of its own::

    def test_a_case_escalates(crm, clock, sent):
        ...
        clock.advance(hours=3)
        crm.run_due()
        crm.deliver()
        assert [message.to for message in sent] == ["manager@studio.example"]

The ini option ``crmkit_storage`` (``sqlite``, which is the default, or ``memory``) says where the data is kept; the
fixture ``crm_options`` gives whatever else ``CRM.open`` takes, and is there to be overridden in a ``conftest.py``.

Nothing of crmkit is imported before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crmkit.crm import CRM
    from crmkit.kernel.clock import FrozenClock
    from crmkit.kernel.outbox import Message
    from crmkit.plugins.channels.memory import MemoryChannel

STORES = {"sqlite": "sqlite://", "memory": "memory://"}
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

pytest.register_assert_rewrite("crmkit.testing.suites")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option."""
    parser.addini("crmkit_storage", "where the fixture crm keeps its data: sqlite or memory", default="sqlite")


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that stands at nine o'clock (UTC) on Monday, 2 March 2026, until the test moves it."""
    from crmkit.kernel.clock import FrozenClock  # noqa: PLC0415 - nothing is loaded before a test asks for it

    return FrozenClock(MONDAY)


@pytest.fixture
def memory_channel() -> MemoryChannel:
    """The channel that takes every message of the fixture ``crm`` and sends none."""
    from crmkit.plugins.channels.memory import MemoryChannel  # noqa: PLC0415 - see above

    return MemoryChannel()


@pytest.fixture
def sent(memory_channel: MemoryChannel) -> list[Message]:
    """What ``crm.deliver()`` has sent so far, in order."""
    return memory_channel.sent


@pytest.fixture
def crm_options() -> Mapping[str, Any]:
    """Further arguments of ``CRM.open`` for the fixture ``crm``: override it with your own."""
    return {}


@pytest.fixture
def crm(
    request: pytest.FixtureRequest,
    clock: FrozenClock,
    memory_channel: MemoryChannel,
    crm_options: Mapping[str, Any],
) -> Iterator[CRM]:
    """A CRM with nothing in it."""
    from crmkit.crm import CRM  # noqa: PLC0415 - see above

    wanted = request.config.getini("crmkit_storage")
    if wanted not in STORES:
        raise pytest.UsageError(f"crmkit_storage is one of {', '.join(STORES)}, not {wanted!r}")
    options = {"target": STORES[wanted], "clock": clock, "channels": [memory_channel], **crm_options}
    with CRM.open(**options) as opened:
        yield opened
