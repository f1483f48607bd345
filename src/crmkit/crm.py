"""The CRM: the composition of all rooms over one store, bound to one tenant and one actor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from crmkit.desks import Desks, Transaction
from crmkit.errors import InvalidInput
from crmkit.kernel.agenda import DueReport
from crmkit.kernel.clock import Clock, SystemClock
from crmkit.kernel.due import round_of_work
from crmkit.kernel.entity import Record
from crmkit.kernel.events import Event
from crmkit.kernel.extras import Extra
from crmkit.kernel.house import Access, Answer, House, Settings
from crmkit.kernel.ids import IdSource
from crmkit.kernel.machine import Machine
from crmkit.kernel.outbox import Receipt
from crmkit.kernel.ports import Session, Store
from crmkit.kernel.text import clean_text
from crmkit.kernel.work import Work
from crmkit.opening import ROOMS, Closing, declared, house_of, settings_of, store_of, tenant_name
from crmkit.plugins.channels.port import Channel
from crmkit.plugins.delivery import Courier
from crmkit.plugins.registry import Plugins

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["CRM", "Transaction"]

_inside: ContextVar[frozenset[int]] = ContextVar("crmkit_inside", default=frozenset())  # stores and connections


class CRM(Desks):
    """Customers, sales, marketing, service and statistics over one store.

    Open one with :meth:`open`.  A handle is bound to one tenant and one actor; it may be shared between threads.
    """

    def __init__(self, *, store: Store, house: House, plugins: Plugins, tenant: str, actor: str | None) -> None:
        self._store, self._house, self._tenant, self._actor = store, house, tenant, actor
        self.plugins = plugins
        self._closed = Closing()
        super().__init__(self)

    @classmethod
    def open(
        cls,
        target: str | os.PathLike[str] | Engine = "sqlite://",
        *,
        tenant: str = "default",
        currency: str = "EUR",
        timezone: str = "UTC",
        region: str | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        channels: Iterable[Channel] = (),
        plugins: Iterable[Any] | str = (),
        machines: Mapping[str, Machine] | None = None,
        answers: Mapping[str, Answer] | None = None,
        access: Access | None = None,
        entities: Iterable[type[Record]] = (),
        events: Iterable[type[Event]] = (),
        extras: Iterable[type[Extra]] = (),
        table_prefix: str = "crm_",
        schema: str | None = None,
        durable: bool = True,
        migrate: bool = False,
    ) -> Self:
        """Open a CRM.

        Args:
            target: ``"sqlite://"`` (in memory), the path of a SQLite file, a URL such as
                ``postgresql+psycopg://user@host/name``, ``"memory://"`` for plain dictionaries, or a SQLAlchemy engine,
                which stays the host's to dispose of.
            tenant: whose data the handle sees; 1 to 60 characters.
            currency: ISO 4217 code in which empty sums are given.
            timezone: IANA name of the zone in which calendar days begin.
            region: ISO 3166 code of the country whose telephone numbers may come without a country code.
            clock: what time it is; the system's clock unless given.
            ids: where new ids come from.
            channels: ways to send messages; without any they are printed.
            plugins: plugin objects, or ``"installed"``.
            machines: state machines of the host, by the name of the entity, in place of those that ship.
            answers: what only the host can know, by the name of the question, such as
                ``{"service.recipient": lambda role, case: "boss@studio.example"}``.
            access: what an actor (``acting_as``) may see: given the actor and a class, a rule, or none for everything.
                It limits whatever is got by id, found, counted and added up; reactions and due work see everything.
            entities: entities that the host has declared.
            events: events that the host has declared.
            extras: custom fields that rules may ask for.
            table_prefix: what the names of tables begin with.
            schema: the database schema for the tables.
            durable: on SQLite, whether a commit waits for the disk; without it a power failure may lose the last ones.
            migrate: bring an older database up to date instead of refusing it.

        Raises:
            InvalidInput: an option is unknown or malformed.
            PluginError: a plugin is wrongly written.
            DefinitionError: a declaration of the host is wrong.
            CrmError: the database is behind; the message names the command.

        Example:
            >>> with CRM.open("sqlite://", currency="CNY", timezone="Asia/Shanghai") as crm:
            ...     crm.customers.count()
            0
        """
        loaded = Plugins(plugins, channels=channels)
        rooms = (*ROOMS, *loaded.rooms())
        house = house_of(
            rooms,
            settings_of(currency=currency, timezone=timezone, region=region),
            clock=clock or SystemClock(),
            ids=ids or IdSource(),
            machines=machines or {},
            answers=answers or {},
            access=access,
            entities=declared(entities, Record, what="entities", how="@entity(…)", mark="__schema__"),
            events=declared(events, Event, what="events", how="@event(…)", mark="event_name"),
            extras=declared(extras, Extra, what="extras", how="class Loyalty(Extra, key=…)", mark="key"),
        )
        store = store_of(target, house.registry, prefix=table_prefix, schema=schema, durable=durable, migrate=migrate)
        return cls(store=store, house=house, plugins=loaded, tenant=tenant_name(tenant), actor=None)

    # ── Handles ──

    def acting_as(self, actor: str) -> CRM:
        """A handle for what *actor* does: events carry the name, and ``access`` of :meth:`open` is asked for it.

        Args:
            actor: any name, 1 to 200 characters.

        Raises:
            InvalidInput: *actor* is no such name.

        Example:
            >>> with CRM.open() as crm:
            ...     wang = crm.acting_as("Lin").customers.register(name="Xiao Wang")
            ...     [moment] = crm.customers.timeline(wang)
            ...     moment.name, moment.actor
            ('customers.customer_registered', 'Lin')
        """
        return self._handle(actor=clean_text(actor, what="actor", limit=200, required=True))

    def for_tenant(self, tenant: str) -> CRM:
        """A handle for another tenant's data in the same store.

        Args:
            tenant: 1 to 60 characters.

        Raises:
            InvalidInput: *tenant* is no such name.

        Example:
            >>> with CRM.open(tenant="chengdu") as chengdu:
            ...     xian = chengdu.for_tenant("xian")
            ...     _ = xian.customers.register(name="Lao Zhao")
            ...     chengdu.customers.count(), xian.customers.count()
            (0, 1)
        """
        return self._handle(tenant=tenant_name(tenant))

    def _handle(self, *, tenant: str | None = None, actor: str | None = None) -> CRM:
        handle = CRM(
            store=self._store,
            house=self._house,
            plugins=self.plugins,
            tenant=tenant or self._tenant,
            actor=actor or self._actor,
        )
        handle._closed = self._closed
        return handle

    @property
    def tenant(self) -> str:
        """Whose data this handle sees."""
        return self._tenant

    @property
    def settings(self) -> Settings:
        """What the host has decided."""
        return self._house.settings

    @property
    def storage(self) -> Store:
        """The store: ``migrate()``, ``status()`` and, for SQL, ``metadata`` for the host's own Alembic run."""
        return self._store

    @property
    def machines(self) -> Mapping[str, Machine]:
        """How things move, by the name of the entity."""
        return self._house.machines

    def tenants(self, *, with_work: bool = False) -> list[str]:
        """Every tenant of the store of whom anything has happened, sorted.

        Args:
            with_work: only those for whom something is to be done or to be sent by now: see :meth:`run_due` and
                :meth:`deliver`.

        Example:
            >>> with CRM.open(tenant="chengdu") as chengdu:
            ...     _ = chengdu.for_tenant("xian").customers.register(name="Lao Zhao")
            ...     chengdu.tenants(), chengdu.tenants(with_work=True)
            (['xian'], [])
        """
        self._closed.check()
        return self._store.tenants_with_work(self._house.clock.now()) if with_work else self._store.tenants()

    # ── Transactions ──

    @contextmanager
    def transaction(self, *, connection: Connection | None = None) -> Iterator[Transaction]:
        """Several changes that happen together or not at all.

        Args:
            connection: a SQLAlchemy connection of the host, in a transaction of his: crmkit takes part in it and never
                commits it.  What happens here is undone when the block is left by an exception.

        Example:
            >>> with CRM.open() as crm:
            ...     with crm.transaction() as tx:
            ...         _ = tx.customers.register(name="Xiao Wang")
            ...         _ = tx.customers.register(name="Xiao Li")
            ...     crm.customers.count()
            2
        """
        if connection is None:
            with self.work() as work:
                yield Transaction(work)
            return
        with (
            self._entering(connection),
            self._unit(self._store.join(connection, self._tenant)) as work,
            work.savepoint(),
        ):
            yield Transaction(work)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A transaction of the store, for what no desk offers; it ends when the block is left.

        Example:
            >>> with CRM.open() as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
            ...     crm.outbox.count()
            1
        """
        with self._session(write=True) as session, self._unit(session) as work:
            yield work
            work.flush()

    @contextmanager
    def read(self) -> Iterator[Work]:
        """A transaction of the store that writes nothing: all that is read in it belongs together.

        Example:
            >>> from crmkit.customers.people import Customer
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register(name="Xiao Wang", city="Chengdu")
            ...     with crm.read() as work:
            ...         [(group.key, group.count) for group in work.tally(Customer, by=["city"])]
            [(('Chengdu',), 1)]
        """
        with self._session(write=False) as session, self._unit(session) as work:
            yield work

    @contextmanager
    def _unit(self, session: Session) -> Iterator[Work]:
        work = Work(session, self._house, actor=self._actor)
        try:
            yield work
        finally:
            work.end()

    @contextmanager
    def _session(self, *, write: bool) -> Iterator[Session]:
        with self._entering():
            session = self._store.session(self._tenant, write=write)
            try:
                yield session
                session.commit() if write else session.rollback()
            except BaseException as error:
                session.rollback()
                if (known := session.told(error)) is error:
                    raise
                raise known from error

    @contextmanager
    def _entering(self, joined: Connection | None = None) -> Iterator[None]:
        """Refuse a second connection inside of a transaction: it would not see what the first one has written yet."""
        self._closed.check()
        inside = _inside.get()
        if id(self._store) in inside and (joined is None or id(joined) not in inside):
            raise InvalidInput("a transaction is open here: inside `with crm.transaction() as tx` use tx, not crm")
        token = _inside.set(inside | {id(self._store)} | ({id(joined)} if joined is not None else set()))
        try:
            yield
        finally:
            _inside.reset(token)

    # ── What is due, and what is to be sent ──

    def run_due(self, *, batch: int = 200, rounds: int | None = None) -> DueReport:
        """Do what the agenda of this tenant says is due by now; each item once, whoever else runs.

        Args:
            batch: items in one transaction, 1 and more.
            rounds: at most so many transactions; until nothing is due unless given.

        Returns:
            what was done, and what failed and will be tried again.

        Raises:
            InvalidInput: *batch* is no such number.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     li = crm.customers.register(name="Xiao Li")
            ...     offer = crm.marketing.offers.make(li, name="family set", percent=50, valid_until=date(2026, 3, 31))
            ...     _ = clock.advance(days=30)
            ...     crm.run_due().ran, crm.marketing.offers.get(offer.id).status
            (1, 'expired')
        """
        report = DueReport()
        while rounds is None or rounds > 0:
            with self.work() as work:
                done = round_of_work(work, limit=batch)
            report += done
            rounds = None if rounds is None else rounds - 1
            if done == DueReport():
                break
        return report

    def deliver(self, *, batch: int = 50, rounds: int | None = None) -> list[Receipt]:
        """Send what the outbox of this tenant holds and what is due by now, at least once each.

        Network I/O happens here and nowhere else, outside of every transaction.

        Args:
            batch: messages that are taken at a time, 1 and more.
            rounds: take messages at most so many times; until nothing is due unless given.

        Returns:
            one receipt for each try; whoever was not reached is tried again later, or stands in ``crm.outbox.dead()``.

        Raises:
            InvalidInput: *batch* is no such number.
            PluginError: a channel sends asynchronously: :class:`crmkit.AsyncCRM` delivers through it.

        Example:
            >>> from crmkit.plugins.channels.memory import MemoryChannel
            >>> with CRM.open(channels=[MemoryChannel()]) as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="sms", to="+8613912345678", body="Your album is ready", key="album 7")
            ...     [(receipt.to, receipt.sent) for receipt in crm.deliver()], crm.deliver()
            ([('+8613912345678', True)], [])
        """
        return list(Courier(self, self.plugins).deliver(batch=batch, rounds=rounds))

    def close(self) -> None:
        """Let go of the store's connections; this and all other handles on it refuse to work afterwards.

        Example:
            >>> crm = CRM.open()
            >>> crm.close()
            >>> crm.customers.count()
            Traceback (most recent call last):
            crmkit.errors.CrmError: this CRM has been closed: open it again with CRM.open(…)
        """
        self._closed.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        actor = "" if self._actor is None else f" as {self._actor}"
        return f"<CRM of tenant {self._tenant!r}{actor}>"

    def __dir__(self) -> list[str]:
        rooms = ["analytics", "customers", "lifecycle", "marketing", "pipeline", "service"]
        beside = ["agenda", "events", "outbox", "plugins", "storage"]
        verbs = ["acting_as", "close", "deliver", "for_tenant", "open", "run_due", "transaction"]
        return sorted([*rooms, *beside, *verbs])
