"""The CRM in an event loop: the same code, on an asynchronous driver.

Nothing is written twice: what ``run`` is given is ordinary code, and SQLAlchemy hands every wait for the database to
the event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from crmkit.crm import CRM, Transaction
from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import DueReport
from crmkit.kernel.house import Settings
from crmkit.kernel.outbox import Message, Receipt
from crmkit.plugins.delivery import Attempt, Courier, in_time, sends_asynchronously
from crmkit.plugins.registry import Plugins

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T")


class AsyncCRM:
    """A CRM for hosts that live in an event loop; any number of tasks may share a handle.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     async with AsyncCRM.open("sqlite://") as acrm:
        ...         wang = await acrm.run(lambda crm: crm.customers.register(name="Xiao Wang"))
        ...         return await acrm.run(lambda crm: crm.customers.get(wang.id).name)
        >>> asyncio.run(main())
        'Xiao Wang'
    """

    def __init__(self, crm: CRM, *, owned: Engine | None) -> None:
        self._crm, self._owned = crm, owned

    @classmethod
    def open(cls, target: str | os.PathLike[str] | AsyncEngine = "sqlite://", **options: Any) -> Opening:
        """Open a CRM: ``acrm = await AsyncCRM.open(…)``, or ``async with AsyncCRM.open(…) as acrm:``.

        Args:
            target: as for :meth:`crmkit.CRM.open`; an engine must be an ``AsyncEngine``, which stays the host's.
            options: as for :meth:`crmkit.CRM.open`; the ``send`` of a channel may be a coroutine function.

        Raises:
            CrmError: a package of ``crmkit[asyncio]`` is missing, or what :meth:`crmkit.CRM.open` raises.
        """
        return Opening(cls, target, options)

    # ── Work ──

    async def run(self, body: Callable[[Transaction], T]) -> T:
        """Do what *body* says in one transaction: all of it, or nothing if it raises or the task is cancelled.

        Args:
            body: ordinary code, as in ``lambda crm: crm.pipeline.leads.qualify(lead)``; what it is given has the desks
                of a CRM.

        Raises:
            InvalidInput: *body* is a coroutine function: inside of a transaction there is nothing else to wait for.

        Example:
            >>> async def main():
            ...     async with AsyncCRM.open() as acrm:
            ...         return await acrm.run(lambda crm: crm.customers.count())
            >>> asyncio.run(main())
            0
        """

        def in_transaction() -> T:
            with self._crm.transaction() as transaction:
                answer = body(transaction)
                _refuse_to_wait(answer)
                return answer

        return await _awaited(in_transaction)

    async def run_due(self, *, batch: int = 200) -> DueReport:
        """Do what the agenda of this tenant says is due by now, like :meth:`crmkit.CRM.run_due`."""
        return await _awaited(lambda: self._crm.run_due(batch=batch))

    async def deliver(self, *, batch: int = 50) -> list[Receipt]:
        """Send what is due, like :meth:`crmkit.CRM.deliver`; channels that block do it in a thread.

        Messages go one after the other; several tasks that deliver at the same time share the work.
        """
        courier = Courier(self._crm, self._crm.plugins)
        receipts = []
        while messages := await _awaited(lambda: courier.take(batch)):
            for message in in_time(messages):
                attempt = await _try(courier, message)
                receipts.append(await _awaited(lambda m=message, a=attempt: courier.note(m, a)))  # type: ignore[misc]
        return receipts

    # ── Handles ──

    def acting_as(self, actor: str) -> AsyncCRM:
        """A handle for what *actor* does: events carry the name."""
        return AsyncCRM(self._crm.acting_as(actor), owned=self._owned)

    def for_tenant(self, tenant: str) -> AsyncCRM:
        """A handle for another tenant's data in the same store."""
        return AsyncCRM(self._crm.for_tenant(tenant), owned=self._owned)

    @property
    def tenant(self) -> str:
        """Whose data this handle sees."""
        return self._crm.tenant

    @property
    def settings(self) -> Settings:
        """What the host has decided."""
        return self._crm.settings

    @property
    def plugins(self) -> Plugins:
        """The plugins of this CRM."""
        return self._crm.plugins

    async def tenants(self, *, with_work: bool = False) -> list[str]:
        """Every tenant of the store of whom anything has happened, or only those who have work waiting."""
        return await _awaited(lambda: self._crm.tenants(with_work=with_work))

    async def migrate(self) -> None:
        """Bring the schema of the store up to date."""
        await _awaited(self._crm.storage.migrate)

    async def aclose(self) -> None:
        """Let go of the connections; this and all other handles on the store refuse to work afterwards."""
        await _awaited(self._crm.close)
        if self._owned is not None:
            await _awaited(self._owned.dispose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Async{repr(self._crm).removeprefix('<')}"


class Opening:
    """A CRM that is being opened: await it, or enter it with ``async with``."""

    def __init__(self, cls: type[AsyncCRM], target: Any, options: dict[str, Any]) -> None:
        self._cls, self._target, self._options = cls, target, options
        self._opened: AsyncCRM | None = None

    def __await__(self) -> Generator[Any, None, AsyncCRM]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncCRM:
        self._opened = await self._open()
        return self._opened

    async def __aexit__(self, *_: object) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    async def _open(self) -> AsyncCRM:
        from crmkit.plugins.storage.sql.awaiting import engine_inside
        from crmkit.plugins.storage.sql.store import open_engine

        engine, owned = engine_inside(self._target), None
        if engine is None and self._target != "memory://":
            durable = self._options.get("durable", True)
            engine = owned = open_engine(self._target, durable=durable, asynchronous=True)
        target = "memory://" if engine is None else engine
        try:
            return self._cls(await _awaited(lambda: CRM.open(target, **self._options)), owned=owned)
        except BaseException:
            if owned is not None:
                await _awaited(owned.dispose)
            raise


async def _try(courier: Courier, message: Message) -> Attempt:
    with courier.trying(message) as attempt:
        send: Any = courier.way(message, attempt)
        if sends_asynchronously(send):
            attempt.reference = await send.send(message)
        else:
            attempt.reference = await asyncio.to_thread(send.send, message)
    return attempt


async def _awaited(body: Callable[[], T]) -> T:
    from crmkit.plugins.storage.sql.awaiting import awaited

    return await awaited(body)


def _refuse_to_wait(answer: object) -> None:
    if inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise InvalidInput("run() takes ordinary code, not a coroutine function: await outside of the transaction")
