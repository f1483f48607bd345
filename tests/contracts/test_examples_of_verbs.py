"""Every verb that a host can call has an executed example."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from crmkit import CRM
from crmkit.kernel.collection import Desk


def desks(crm: CRM) -> Iterator[type]:
    """The class of *crm*, and of every desk that its attributes lead to."""
    seen: set[type] = set()
    coming: list[Any] = [crm]
    while coming:
        here = coming.pop()
        if type(here) in seen:
            continue
        seen.add(type(here))
        yield type(here)
        for name in dir(here):
            if not name.startswith("_") and not inspect.isroutine(inspect.getattr_static(type(here), name, None)):
                found = getattr(here, name)
                coming += [found] if isinstance(found, Desk) else []


def verbs() -> Iterator[tuple[str, Any]]:
    with CRM.open("memory://") as crm:
        for cls in desks(crm):
            for name, value in inspect.getmembers_static(cls):
                verb = getattr(value, "__func__", value)
                if not name.startswith("_") and inspect.isfunction(verb) and verb.__module__.startswith("crmkit"):
                    yield f"{verb.__module__}.{verb.__qualname__}", verb


VERBS = dict(sorted(verbs()))


@pytest.mark.parametrize("name", VERBS)
def test_it_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(VERBS[name]) or ""), f"{name} shows nobody how it is used"


def test_most_verbs_are_found() -> None:
    assert len(VERBS) > 300
