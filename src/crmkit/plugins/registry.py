"""The plugins of one CRM: loaded once, checked at the door, and asked by nobody else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pluggy

from crmkit.errors import DeliveryFailed, PluginError
from crmkit.kernel.outbox import Message
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.room import Room
from crmkit.kernel.text import several
from crmkit.plugins.channels.console import ConsoleChannel
from crmkit.plugins.channels.port import Channel
from crmkit.plugins.hookspecs import Hooks


class Plugins:
    """The plugins of one CRM.

    Args:
        plugins: the plugin objects, or ``"installed"`` for those that installed packages offer as ``crmkit``.
        channels: channels given directly.

    Raises:
        PluginError: a hook is mistyped or a channel is not one.

    Example:
        >>> from crmkit.plugins.channels.memory import MemoryChannel
        >>> list(Plugins(channels=[MemoryChannel(), MemoryChannel(name="spare")]).channels)
        ['memory', 'spare']
        >>> Plugins(channels=[MemoryChannel(), MemoryChannel()])
        Traceback (most recent call last):
        crmkit.errors.PluginError: two channels are called 'memory': give one another name
    """

    def __init__(self, plugins: Iterable[Any] | str = (), *, channels: Iterable[Channel] = ()) -> None:
        self._manager = pluggy.PluginManager("crmkit")
        self._manager.add_hookspecs(Hooks)
        if plugins == "installed":
            self._manager.load_setuptools_entrypoints("crmkit")
        elif isinstance(plugins, str):
            raise PluginError(f'plugins= takes plugin objects, or "installed"; got {plugins!r}')
        else:
            for plugin in several(plugins, what="plugins"):
                self._register(plugin)
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"{error}; the hooks are {', '.join(self.hooks())}") from None
        offered = [c for some in self._manager.hook.crmkit_channels() for c in some]
        self.channels: Mapping[str, Channel] = dict(self._named([*several(channels, what="channels"), *offered]))

    def _register(self, plugin: Any) -> None:
        try:
            self._manager.register(plugin)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginError(f"plugin {plugin!r}: {error}") from None
        found = self._manager.get_hookcallers(plugin)
        if not found:
            raise PluginError(f"plugin {plugin!r} implements no hook: mark its functions with @hookimpl")

    def _named(self, channels: Iterable[Channel]) -> Iterator[tuple[str, Channel]]:
        seen: set[str] = set()
        for channel in channels:
            if not isinstance(channel, Channel):
                raise PluginError(f"{channel!r} is not a channel: it needs name, carries, limits and send(message)")
            if channel.name in seen:
                raise PluginError(f"two channels are called {channel.name!r}: give one another name")
            seen.add(channel.name)
            yield channel.name, channel

    def hooks(self) -> list[str]:
        """The names of all hooks."""
        return sorted(name for name in vars(Hooks) if name.startswith("crmkit_"))

    def rooms(self) -> list[Room]:
        """What plugins add to the house."""
        return [room for some in self._manager.hook.crmkit_rooms() for room in some]

    def route(self, message: Message) -> Channel:
        """The channel that takes *message*: one of that name, else the first that carries the kind.

        Raises:
            DeliveryFailed: there is none, for good.
        """
        if not self.channels:
            return ConsoleChannel()
        if message.channel in self.channels:
            return self.channels[message.channel]
        for channel in self.channels.values():
            if not channel.carries.isdisjoint({message.channel, "*"}):
                return channel
        raise DeliveryFailed(
            f"no channel carries {message.channel!r}: pass one to CRM.open(channels=[…])", permanent=True
        )

    def _rows(self) -> list[tuple[str, str, str]]:
        return [
            (c.name, ", ".join(sorted(c.carries)), "" if c.limits.max_body is None else str(c.limits.max_body))
            for c in self.channels.values()
        ]

    def __format__(self, form: str) -> str:
        return printed(
            self, form, md=lambda: table_md(["channel", "carries", "longest body"], self._rows()), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return table_html(["channel", "carries", "longest body"], self._rows())
