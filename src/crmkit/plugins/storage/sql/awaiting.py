"""The same store in an event loop: SQLAlchemy hands every wait for the database to the loop."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.engine import Engine
from sqlalchemy.util import greenlet_spawn

from crmkit.errors import CrmError, InvalidInput

T = TypeVar("T")


async def awaited(body: Callable[[], T]) -> T:
    """What *body* answers; it is ordinary code, and while it waits for the database other tasks go on."""
    return await greenlet_spawn(body)


def engine_inside(target: Any) -> Engine | None:
    """The engine that :func:`awaited` code uses, if *target* is a host's ``AsyncEngine``.

    Raises:
        CrmError: greenlet is not installed.
        InvalidInput: *target* is an engine that would block the event loop.
    """
    if importlib.util.find_spec("greenlet") is None:
        raise CrmError("AsyncCRM needs greenlet: pip install 'crmkit[asyncio]'")
    if isinstance(target, Engine):
        raise InvalidInput("AsyncCRM takes an AsyncEngine (create_async_engine), a URL or a path; CRM takes an Engine")
    inside = getattr(target, "sync_engine", None)
    return inside if isinstance(inside, Engine) else None
