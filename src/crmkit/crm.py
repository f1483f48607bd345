"""The CRM: the composition of all rooms over one store, bound to one tenant and one actor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

import attrs

from crmkit.analytics import Analytics
from crmkit.customers import Customers
from crmkit.errors import CrmError, InvalidInput
from crmkit.kernel.agenda import DueReport
from crmkit.kernel.clock import Clock, SystemClock
from crmkit.kernel.collection import Scope
from crmkit.kernel.due import Agenda, Outbox, round_of_work
from crmkit.kernel.entity import Entity
from crmkit.kernel.events import Event
from crmkit.kernel.extras import Extra
from crmkit.kernel.house import Access, Answer, House, Settings
from crmkit.kernel.ids import IdSource
from crmkit.kernel.machine import Machine
from crmkit.kernel.outbox import Receipt
from crmkit.kernel.ports import Session, Store
from crmkit.kernel.text import clean_text
from crmkit.kernel.trail import Trail
from crmkit.kernel.work import Work
from crmkit.lifecycle import Lifecycle
from crmkit.marketing import Marketing
from crmkit.opening import ROOMS, house_of, settings_of, store_of, tenant_name
from crmkit.pipeline import Pipeline
from crmkit.plugins.channels.port import Channel
from crmkit.plugins.delivery import Courier
from crmkit.plugins.registry import Plugins
from crmkit.service import Service

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

_inside: ContextVar[frozenset[int]] = ContextVar("crmkit_inside", default=frozenset())  # stores and connections


class Desks:
    """The rooms of a CRM, each over the same scope, and beside them what is due, is to be sent and has happened.

    Attributes:
        agenda: what is due, done and dead.
        outbox: what is to be sent, sent and dead.
        events: all that ever happened.
    """

    def __init__(self, scope: Scope) -> None:
        self.customers = Customers(scope)
        self.pipeline = Pipeline(scope)
        self.lifecycle = Lifecycle(scope)
        self.service = Service(scope)
        self.marketing = Marketing(scope)
        self.analytics = Analytics(scope)
        self.agenda = Agenda(scope)
        self.outbox = Outbox(scope)
        self.events = Trail(scope)


class Transaction(Desks):
    """Several changes that happen together or not at all; it has the same desks as the CRM."""

    def __init__(self, work: Work) -> None:
        self._work = work
        super().__init__(self)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """One verb: undone alone when it fails, so that a refusal can be caught and the rest goes on."""
        with self._work.savepoint():
            yield self._work

    @contextmanager
    def read(self) -> Iterator[Work]:
        """What has been written so far is seen."""
        yield self._work


class CRM(Desks):
    """Customers, sales, marketing, service and statistics over one store.

    Open one with :meth:`open`.  A handle is bound to one tenant and one actor; it may be shared between threads.
    """

    def __init__(self, *, store: Store, house: House, plugins: Plugins, tenant: str, actor: str | None) -> None:
        self._store, self._house, self._tenant, self._actor = store, house, tenant, actor
        self.plugins = plugins
        self._closed = _Closed()
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
        entities: Iterable[type[Entity]] = (),
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
            entities=tuple(entities),
            events=tuple(events),
            extras=tuple(extras),
        )
        store = store_of(target, house.registry, prefix=table_prefix, schema=schema, durable=durable, migrate=migrate)
        return cls(store=store, house=house, plugins=loaded, tenant=tenant_name(tenant), actor=None)

    # ── Handles ──

    def acting_as(self, actor: str) -> CRM:
        """A handle for what *actor* does: events carry the name."""
        return self._handle(actor=clean_text(actor, what="actor", limit=200, required=True))

    def for_tenant(self, tenant: str) -> CRM:
        """A handle for another tenant's data in the same store."""
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

    def tenants(self) -> list[str]:
        """Every tenant of the store that has anything."""
        self._closed.check()
        return self._store.tenants()

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
        with self._entering(connection):
            work = Work(self._store.join(connection, self._tenant), self._house, actor=self._actor)
            with work.savepoint():
                yield Transaction(work)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """A transaction of the store."""
        with self._session(write=True) as session:
            work = Work(session, self._house, actor=self._actor)
            yield work
            work.flush()

    @contextmanager
    def read(self) -> Iterator[Work]:
        """A transaction of the store that writes nothing."""
        with self._session(write=False) as session:
            yield Work(session, self._house, actor=self._actor)

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
            batch: items in one transaction.
            rounds: at most so many transactions; until nothing is due unless given.

        Returns:
            what was done, and what failed and will be tried again.
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
            batch: messages that are taken at a time.
            rounds: take messages at most so many times; until nothing is due unless given.
        """
        return list(Courier(self, self.plugins).deliver(batch=batch, rounds=rounds))

    def close(self) -> None:
        """Let go of the store's connections; this and all other handles on it refuse to work afterwards."""
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


@attrs.define
class _Closed:
    closed: bool = False

    def close(self) -> None:
        self.closed = True

    def check(self) -> None:
        if self.closed:
            raise CrmError("this CRM has been closed: open it again with CRM.open(…)")
