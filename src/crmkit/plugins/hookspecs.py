"""Every hook that a plugin may implement.

A plugin is any object (a module, an instance) with functions marked ``@hookimpl``; give it to
``CRM.open(plugins=[…])``.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from crmkit.kernel.room import Room
from crmkit.plugins.channels.port import Channel

hookspec = pluggy.HookspecMarker("crmkit")
hookimpl = pluggy.HookimplMarker("crmkit")


class Hooks:
    """The hooks, by what they are for."""

    @hookspec
    def crmkit_channels(self) -> Iterable[Channel]:
        """Offer channels.  Called once, when a CRM is opened; return any number of them.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.plugins.channels.memory import MemoryChannel
            >>> class Ways:
            ...     @hookimpl
            ...     def crmkit_channels(self) -> list[Channel]:
            ...         return [MemoryChannel(name="ways")]
            >>> with CRM.open(plugins=[Ways()]) as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="sms", to="+8613912345678", body="Your table is ready.", key="table 7")
            ...     [receipt.channel for receipt in crm.deliver()]
            ['ways']
        """
        return ()

    @hookspec
    def crmkit_rooms(self) -> Iterable[Room]:
        """Offer rooms: entities, events, machines, agenda handlers and a section of the portrait.

        Called once, when a CRM is opened, before the store is.

        Example:
            >>> from crmkit import CRM
            >>> class Seats:
            ...     @hookimpl
            ...     def crmkit_rooms(self) -> list[Room]:
            ...         return [Room(name="seats", modules=(), section=lambda work, customer: {"favourite_table": 7})]
            >>> with CRM.open(plugins=[Seats()]) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     crm.customers.profile(wang).favourite_table
            7
        """
        return ()
