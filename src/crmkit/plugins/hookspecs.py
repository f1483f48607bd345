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
        """Offer channels.  Called once, when a CRM is opened; return any number of them."""
        return ()

    @hookspec
    def crmkit_rooms(self) -> Iterable[Room]:
        """Offer rooms: entities, events, machines, agenda handlers and a section of the portrait.

        Called once, when a CRM is opened, before the store is.
        """
        return ()
