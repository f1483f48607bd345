"""Stories that are lived on every store and must be the same on each: answers, refusals and records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import pytest

from crmkit import CRM
from crmkit.errors import CrmError
from crmkit.kernel.ids import IdSource
from crmkit.testing import FrozenClock
from tests.pipeline.worlds import MONDAY

ELSEWHERE = ["sqlite://", pytest.param("postgresql", marks=pytest.mark.slow)]


class Story(ABC):
    """What happens, and what everybody is told on the way."""

    def __init__(self, crm: CRM, clock: FrozenClock) -> None:
        self.crm, self.clock, self.sales = crm, clock, crm.pipeline
        self.told: list[Any] = []
        self.kept: dict[str, list[Any]] = {}

    @abstractmethod
    def happens(self) -> None:
        """From the beginning to the end."""

    def tell(self, answer: Any) -> Any:
        self.told.append(answer)
        return answer

    def refused(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        with pytest.raises(CrmError) as refusal:
            call(*args, **kwargs)
        self.told.append((type(refusal.value), str(refusal.value)))

    def later(self, **how: float) -> None:
        self.clock.advance(**how)
        self.crm.run_due()

    @classmethod
    def lived(cls, target: str) -> Self:
        """The story on one store, with every record that it leaves there."""
        clock = FrozenClock(MONDAY)
        options: dict[str, Any] = {"currency": "CNY", "timezone": "Asia/Shanghai", "region": "CN"}
        with CRM.open(target, clock=clock, ids=IdSource(seed=7), migrate=True, **options) as crm:
            story = cls(crm, clock)
            story.happens()
            with crm.read() as work:
                schemas = crm.storage.registry.schemas.values()
                found = {schema.name: work.find(schema.cls, order_by="id") for schema in schemas}
            story.kept = {name: rows for name, rows in found.items() if rows}
            return story

    @classmethod
    def lived_elsewhere(cls, request: pytest.FixtureRequest) -> Self:
        """The story on the store that a fixture with ``params=ELSEWHERE`` asks for."""
        named = request.param == "postgresql"
        return cls.lived(request.getfixturevalue("postgres_database") if named else request.param)


def assert_the_same(mine: Story, theirs: Story) -> None:
    for one, other in zip(mine.told, theirs.told, strict=True):
        assert one == other
    assert mine.kept.keys() == theirs.kept.keys()
    for name, rows in mine.kept.items():
        assert rows == theirs.kept[name], name
