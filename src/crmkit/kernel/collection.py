"""Collections: what ``crm.<package>.<collection>`` is.  Reading is the same for all; the verbs are their own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.checking import converters
from crmkit.kernel.entity import Record
from crmkit.kernel.events import dump
from crmkit.kernel.ports import ordering
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.snapshot import value
from crmkit.kernel.text import shown

if TYPE_CHECKING:
    from crmkit.kernel.rules.nodes import Rule
    from crmkit.kernel.work import Work

E = TypeVar("E", bound=Record)
PAGE_LIMIT = 10_000


class Scope(Protocol):
    """Where a desk gets its transactions from: a CRM, an open transaction, or another desk's work."""

    def work(self) -> AbstractContextManager[Work]:
        """A transaction to read and write in."""
        ...

    def read(self) -> AbstractContextManager[Work]:
        """A transaction to read in."""
        ...


@attrs.frozen(kw_only=True)
class Page(Generic[E]):
    """A part of a longer list.

    Attributes:
        items: the entities of this page.
        next: give it as ``after`` for the page behind this one; missing on the last page.
        total: how many there are on all pages.
    """

    items: tuple[E, ...]
    next: str | None
    total: int

    def __iter__(self) -> Iterator[E]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption=f"{len(self.items)} of {self.total}")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        if not self.items:
            return ["nothing"], []
        hidden = {"created_at", "updated_at", "version", "extras"}
        names = [a.name for a in self.items[0].__schema__ if a.name not in hidden]
        used = [n for n in names if any(getattr(item, n) not in {None, (), frozenset()} for item in self.items)]
        return used, [[_shown(getattr(item, n)) for n in used] for item in self.items]


def _shown(value: Any) -> str:
    return "" if value is None else ", ".join(sorted(value)) if isinstance(value, frozenset) else str(value)


class Desk:
    """Something with verbs, that works in transactions of its scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def work(self) -> AbstractContextManager[Work]:
        """A transaction to read and write in: one of its own, or the one that is open.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.customers.desk import Customers
            >>> class Friends(Desk):
            ...     def register(self, one: str, other: str) -> None:
            ...         with self.work() as work:  # both are registered and related, or nothing is
            ...             people = [Customers(work).register(name=name) for name in (one, other)]
            ...             Customers(work).relate(*people, kind="friend")
            >>> with CRM.open() as crm:
            ...     Friends(crm).register("Xiao Li", "Wang Fang")
            ...     crm.customers.count()
            2
        """
        return self._scope.work()

    def read(self) -> AbstractContextManager[Work]:
        """A transaction to read in: what is asked in it is answered as of one moment.

        Example:
            >>> from crmkit import CRM, F
            >>> from crmkit.customers.people import Customer
            >>> class Cities(Desk):
            ...     def all(self) -> list[tuple[str, int]]:
            ...         with self.read() as work:
            ...             return [(group.key[0], group.count) for group in work.tally(Customer, by=("city",))]
            >>> with CRM.open() as crm:
            ...     for name, city in {"Xiao Li": "Chengdu", "Wang Fang": "Chengdu", "Zhao Lei": "Lhasa"}.items():
            ...         _ = crm.customers.register(name=name, city=city)
            ...     sorted(Cities(crm).all())
            [('Chengdu', 2), ('Lhasa', 1)]
        """
        return self._scope.read()


class Collection(Desk, Generic[E]):
    """The entities of one kind."""

    cls: ClassVar[type[Record]]

    def get(self, ref: E | str) -> E:
        """The present state of one of them.

        Raises:
            InvalidInput: *ref* is not an id of this kind.
            NotFound: this tenant has none with that id.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     before = crm.customers.register(name="Xiao Wang")
            ...     _ = crm.customers.update(before, city="Chengdu")
            ...     before.city, crm.customers.get(before).city, crm.customers.get(before.id).version
            (None, 'Chengdu', 2)
        """
        with self.read() as work:
            return work.get(self._cls, ref)

    def find(
        self,
        rule: Rule | None = None,
        *,
        order_by: str | Sequence[str] = (),
        limit: int | None = None,
        as_of: datetime | None = None,
    ) -> list[E]:
        """Those that satisfy *rule*.

        Args:
            rule: as in ``F.city == "Chengdu"``; all of them if there is none.
            order_by: attributes to sort by, ``"-created_at"`` for descending; the id breaks ties.
            limit: at most so many, 0 and more.
            as_of: the moment in which the rule is judged, an aware datetime; now unless given.

        Raises:
            DefinitionError: the rule does not fit; it names the field and the nearest one.
            InvalidInput: *limit* is no such number, *as_of* has no zone, or nothing can be sorted by *order_by*.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register(name="Xiao Wang", city="Chengdu")
            ...     _ = crm.customers.register(name="Xiao Li", city="Chengdu")
            ...     _ = crm.customers.register(name="Lao Zhao", city="Xi’an")
            ...     [c.name for c in crm.customers.find(F.city == "Chengdu", order_by="-name", limit=10)]
            ['Xiao Wang', 'Xiao Li']
        """
        with self.read() as work:
            return work.find(self._cls, rule, order_by=order_by, limit=limit, as_of=as_of)

    def page(
        self,
        rule: Rule | None = None,
        *,
        size: int = 50,
        after: str | None = None,
        order_by: str | Sequence[str] = (),
    ) -> Page[E]:
        """One page of those that satisfy *rule*; it stays in place when others are added before it.

        Args:
            rule: as in :meth:`find`.
            size: entities on a page, 1 to 10,000.
            after: ``next`` of the page before.
            order_by: as in :meth:`find`; the same for all pages.

        Raises:
            InvalidInput: *after* is not from a page with this order, or *size* is out of range.
            DefinitionError: the rule does not fit.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register_many([{"name": name} for name in ("Xiao Chen", "Xiao Li", "Xiao Wang")])
            ...     one = crm.customers.page(size=2, order_by="name")
            ...     two = crm.customers.page(size=2, order_by="name", after=one.next)
            ...     [c.name for c in one], one.total, [c.name for c in two], two.next
            (['Xiao Chen', 'Xiao Li'], 3, ['Xiao Wang'], None)
        """
        if type(size) is not int or not 1 <= size <= PAGE_LIMIT:
            raise InvalidInput(f"a page has 1 to {PAGE_LIMIT} entities, not {shown(size)}")
        schema = self._cls.__schema__
        names = (order_by,) if isinstance(order_by, str) else order_by
        orders = ordering(schema, names)
        last = None if after is None else _open_cursor(after, self._cls, [o.attribute for o in orders])
        with self.read() as work:
            items = work.find(self._cls, rule, order_by=names, limit=size + 1, after=last)
            total = work.count(self._cls, rule)
        more = len(items) > size
        items = items[:size]
        cursor = _cursor([getattr(items[-1], o.attribute) for o in orders]) if more else None
        return Page(items=tuple(items), next=cursor, total=total)

    def count(self, rule: Rule | None = None, *, as_of: datetime | None = None) -> int:
        """How many satisfy *rule*.

        Args:
            rule: as in :meth:`find`.
            as_of: as in :meth:`find`.

        Raises:
            DefinitionError: the rule does not fit; it names the field and the nearest one.

        Example:
            >>> from crmkit import CRM, F
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register(name="Xiao Wang", city="Chengdu")
            ...     _ = crm.customers.register(name="Lao Zhao")
            ...     crm.customers.count(), crm.customers.count(F.city == "Chengdu")
            (2, 1)
        """
        with self.read() as work:
            return work.count(self._cls, rule, as_of=as_of)

    @property
    def _cls(self) -> type[E]:
        cls: Any = self.cls
        made: type[E] = cls
        return made


def _cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([dump(v) for v in values]).encode()).decode().rstrip("=")


def _open_cursor(text: str, cls: type[Record], names: Sequence[str]) -> tuple[Any, ...]:
    """What a cursor holds; it may have been in the hands of strangers, so every value has to fit its field."""
    convert = converters(cls.__schema__)
    try:
        stored = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        values = [value(cls, name, kept) for name, kept in zip(names, stored, strict=True)]
        return tuple(None if v is None else convert[n](v) for n, v in zip(names, values, strict=True))
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        raise InvalidInput(f"{shown(text, limit=40)} is not the `next` of a page with this order") from None
