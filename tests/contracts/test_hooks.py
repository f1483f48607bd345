"""Every hook is explained, documented, and works in a plugin that is given to ``CRM.open``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmkit import CRM, Change, Entity, Event, F, FrozenClock, Room, attribute, entity, event
from crmkit.customers.people import Customer
from crmkit.errors import PluginError
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.collection import Collection
from crmkit.kernel.work import Work
from crmkit.plugins.channels.memory import MemoryChannel
from crmkit.plugins.channels.port import Channel
from crmkit.plugins.hookspecs import Hooks, hookimpl

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")
HOOKS = [name for name in vars(Hooks) if name.startswith("crmkit_")]
STORES = ["memory://", "sqlite://"]
WATER = "garden.water"


# ── Plugins that work ──


class Pigeons:
    """A plugin that offers a channel."""

    def __init__(self, name: str = "pigeon") -> None:
        self.loft = MemoryChannel(name=name, carries=frozenset({"letter"}))

    @hookimpl
    def crmkit_channels(self) -> list[Channel]:
        return [self.loft]


@entity("contract_plant", prefix="plant")
class Plant(Entity):
    customer_id: str = attribute(references="customer")
    name: str = attribute()


@event("garden.planted")
class Planted(Event):
    plant_id: str
    customer_id: str
    name: str


class Plants(Collection[Plant]):
    cls = Plant

    def add(self, customer: Customer, name: str) -> Plant:
        with self.work() as work:
            plant = work.new(Plant, customer_id=customer.id, name=name)
            saved = work.save(Change(plant, (Planted(plant_id=plant.id, customer_id=customer.id, name=name),)))
            work.schedule(WATER, due_at=work.now + timedelta(days=1), subject=plant.id, key=f"{WATER}:{plant.id}")
            return saved


def water(work: Work, item: AgendaItem) -> None:
    plant = work.get(Plant, item.subject)
    work.post(channel="letter", to="Li", body=f"Water the {plant.name}", key=item.key)


def section(work: Work, customer: Customer) -> dict[str, int]:
    return {"plants": work.count(Plant, F.customer_id == customer.id)}


class Garden:
    """A plugin that offers a room: this module."""

    @hookimpl
    def crmkit_rooms(self) -> list[Room]:
        return [Room(name="garden", modules=(sys.modules[__name__],), handlers={WATER: water}, section=section)]


SHOWN = (Pigeons, Garden)


# ── Every hook ──


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_what_it_is_for_and_when_it_is_called(name: str) -> None:
    said = inspect.getdoc(getattr(Hooks, name)) or ""
    assert "Called once" in said


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_section_in_the_documentation(name: str) -> None:
    assert f"### `{name}(" in PAGE


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_shown_by_a_plugin_here(name: str) -> None:
    assert any(name in vars(plugin) for plugin in SHOWN)


# ── The hooks at work ──


@pytest.mark.parametrize("url", STORES)
def test_the_channel_of_a_plugin_delivers(url: str) -> None:
    pigeons = Pigeons()
    with CRM.open(url, plugins=[pigeons]) as crm:
        with crm.work() as work:
            work.post(channel="letter", to="Li", body="Hello", key="1")
        [receipt] = crm.deliver()
    assert (receipt.channel, receipt.sent) == ("pigeon", True)
    assert [message.body for message in pigeons.loft.sent] == ["Hello"]


def test_the_channels_of_plugins_are_added_to_those_that_are_given() -> None:
    with CRM.open("memory://", plugins=[Pigeons()], channels=[MemoryChannel()]) as crm:
        assert sorted(crm.plugins.channels) == ["memory", "pigeon"]


@pytest.mark.parametrize("url", STORES)
def test_the_room_of_a_plugin_is_a_room_like_all_others(url: str) -> None:
    pigeons, clock = Pigeons(), FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    with CRM.open(url, plugins=[Garden(), pigeons], clock=clock) as crm:
        li, ada = crm.customers.register(name="Li"), crm.customers.register(name="Ada")
        plant = Plants(crm).add(li, "fern")
        assert Plants(crm).get(plant.id) == plant
        assert crm.customers.find(F.contract_plants.any()) == [li]
        assert (crm.customers.profile(li).plants, crm.customers.profile(ada).plants) == (1, 0)
        assert crm.run_due().ran == 0
        clock.advance(days=1)
        assert crm.run_due().ran == 1
        assert [receipt.sent for receipt in crm.deliver()] == [True]
    assert [message.body for message in pigeons.loft.sent] == ["Water the fern"]


def test_plugins_belong_to_one_crm() -> None:
    with CRM.open("memory://", plugins=[Pigeons()]) as with_it, CRM.open("memory://") as without:
        assert list(with_it.plugins.channels) == ["pigeon"]
        assert list(without.plugins.channels) == []


def test_a_hook_is_called_once() -> None:
    class Counting:
        calls = 0

        @hookimpl
        def crmkit_channels(self) -> Iterable[Channel]:
            self.calls += 1
            return [MemoryChannel()]

    counting = Counting()
    with CRM.open("memory://", plugins=[counting]) as crm:
        for key in "12":
            with crm.work() as work:
                work.post(channel="email", to="li@example.com", body="Hello", key=key)
            crm.deliver()
    assert counting.calls == 1


# ── Plugins that are refused ──


def test_a_mistyped_hook_is_refused_with_the_hooks_that_there_are() -> None:
    class Mistyped:
        @hookimpl
        def crmkit_chanels(self) -> list[Channel]:
            return []

    with pytest.raises(PluginError, match="crmkit_chanels") as refused:
        CRM.open("memory://", plugins=[Mistyped()])
    assert all(name in str(refused.value) for name in HOOKS)


def test_an_unmarked_hook_is_refused() -> None:
    class Unmarked:
        def crmkit_channels(self) -> list[Channel]:
            return []

    with pytest.raises(PluginError, match="@hookimpl"):
        CRM.open("memory://", plugins=[Unmarked()])


def test_a_hook_with_an_argument_that_does_not_exist_is_refused() -> None:
    class Greedy:
        @hookimpl
        def crmkit_channels(self, crm: CRM) -> list[Channel]:
            raise NotImplementedError(crm)

    with pytest.raises(PluginError, match="crm"):
        CRM.open("memory://", plugins=[Greedy()])


@pytest.mark.parametrize("plugin", [object(), MemoryChannel()], ids=["object", "channel"])
def test_a_plugin_without_hooks_is_refused(plugin: object) -> None:
    with pytest.raises(PluginError, match="implements no hook"):
        CRM.open("memory://", plugins=[plugin])


def test_a_plugin_given_twice_is_refused() -> None:
    pigeons = Pigeons()
    with pytest.raises(PluginError, match="already registered"):
        CRM.open("memory://", plugins=[pigeons, pigeons])


def test_two_channels_of_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="'pigeon'"):
        CRM.open("memory://", plugins=[Pigeons(), Pigeons()])


def test_what_is_no_channel_is_refused() -> None:
    class Wrong:
        @hookimpl
        def crmkit_channels(self) -> list[object]:
            return ["email"]

    with pytest.raises(PluginError, match="not a channel"):
        CRM.open("memory://", plugins=[Wrong()])


def test_plugins_are_objects_or_installed() -> None:
    with pytest.raises(PluginError, match="instaled"):
        CRM.open("memory://", plugins="instaled")
