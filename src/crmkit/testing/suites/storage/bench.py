"""What the parts of the storage suite share: a tenant of their own, transactions, and things to store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any, NoReturn, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings

from crmkit.kernel.clock import zone
from crmkit.kernel.entity import Record
from crmkit.kernel.ids import id_of
from crmkit.kernel.ports import Query, Session, Store, ordering
from crmkit.kernel.rules import AsOf, plan
from crmkit.kernel.rules.nodes import Always, Rule
from crmkit.testing.suites.library import Book, Loan, Shelf

R = TypeVar("R", bound=Record)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
numbers = count(1)


class Bench:
    """Where the tests of a store work."""

    examples = 10

    @pytest.fixture
    def store(self) -> Store:
        """The store under test.

        Raises:
            NotImplementedError: the class that inherits the suite has not said which.
        """
        raise NotImplementedError("give the suite a fixture `store` that returns your store on suite_registry()")

    @pytest.fixture
    def tenant(self) -> str:
        """A tenant that nobody else has."""
        return new_tenant()

    def tries(self) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """How a property is tried: each example in a tenant of its own, on one store."""
        return settings(max_examples=self.examples, suppress_health_check=list(HealthCheck))


def new_tenant() -> str:
    """A tenant that nobody else has."""
    return f"t{uuid4().hex}"


@contextmanager
def transaction(store: Store, tenant: str, *, write: bool = True) -> Iterator[Session]:
    """A transaction that is committed, or undone when the block fails."""
    session = store.session(tenant, write=write)
    try:
        yield session
        session.commit() if write else session.rollback()
    except BaseException:
        session.rollback()
        raise


def put(store: Store, tenant: str, *records: Record) -> None:
    """Store *records*, one call for each."""
    with transaction(store, tenant) as session:
        for record in records:
            session.insert([record])


def got(store: Store, tenant: str, record: R) -> R | None:
    """What a later transaction reads."""
    with transaction(store, tenant, write=False) as session:
        return session.get(type(record), record.id)


def query(store: Store, cls: type[R], rule: Rule | None = None, *order: str, **more: Any) -> Query[R]:
    """A query by rule, judged on a fixed day in Shanghai."""
    schema = store.registry.schema(cls)
    at = AsOf(at=NOW, zone=zone("Asia/Shanghai"))
    planned = plan(Always(value=True) if rule is None else rule, schema, store.registry, at)
    return Query(cls=cls, plan=planned, order=ordering(schema, order), **more)


def found(store: Store, tenant: str, cls: type[R], rule: Rule | None = None, *order: str, **more: Any) -> list[R]:
    """What a query finds."""
    with transaction(store, tenant, write=False) as session:
        return session.find(query(store, cls, rule, *order, **more))


def shelf(**values: Any) -> Shelf:
    """A new shelf."""
    return Shelf(**{"id": new_id("shelf"), "created_at": NOW, "version": 1, "name": "Poetry", **values})


def book(on: Shelf, **values: Any) -> Book:
    """A new book."""
    return Book(
        **{"id": new_id("book"), "created_at": NOW, "version": 1, "title": "Songs", "shelf_id": on.id, **values}
    )


def loan(of: Book, **values: Any) -> Loan:
    """A new loan."""
    return Loan(**{"id": new_id("loan"), "created_at": NOW, "book_id": of.id, "reader": "Ada", **values})


def new_id(prefix: str) -> str:
    """An id that nobody else has; later ones sort behind earlier ones."""
    return id_of(prefix, UUID(int=next(numbers)))


def same(left: Any, right: Any) -> bool:
    """Whether two records are equal to the last type and digit."""
    return left == right and all(
        type(a) is type(b) and str(a) == str(b)
        for a, b in zip(values(left), values(right), strict=True)
        if not isinstance(a, frozenset | dict)
    )


def values(record: Record) -> Sequence[Any]:
    """The fields of a record, in order."""
    return [getattr(record, a.name) for a in record.__schema__]


def fail(reason: str) -> NoReturn:
    """Give up."""
    pytest.fail(reason)
