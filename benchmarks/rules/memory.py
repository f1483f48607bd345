"""Objects in memory: against a function written by hand, and against other rule engines."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.measure import Comparison
from benchmarks.rules.world import NOW, customers
from crmkit import CRM, F
from crmkit.customers.people import Customer
from crmkit.kernel.rules import AsOf, plan
from crmkit.kernel.rules.evaluate import compile_plan

BESIDE = Path(sys.prefix) / "beside"
"""Where ``make bench`` puts packages whose modules have the names of others."""

ASKED = (F.city.in_(["Chengdu", "Xi'an"]) & (F.source == "import") & (F.version >= 1)) | (F.owner == "clerk 7")
JSON_LOGIC = {
    "or": [
        {
            "and": [
                {"in": [{"var": "city"}, ["Chengdu", "Xi'an"]]},
                {"==": [{"var": "source"}, "import"]},
                {">=": [{"var": "version"}, 1]},
            ]
        },
        {"==": [{"var": "owner"}, "clerk 7"]},
    ]
}
RULE_ENGINE = '(city in ["Chengdu", "Xi\'an"] and source == "import" and version >= 1) or owner == "clerk 7"'


def in_memory(count: int) -> list[Comparison]:
    people = list(customers(count))
    rows = [{name: getattr(p, name) for name in ("city", "source", "version", "owner")} for p in people]
    with CRM.open("memory://") as crm:
        planned = plan(ASKED, Customer.__schema__, crm.storage.registry, AsOf(at=NOW, zone=ZoneInfo("Asia/Shanghai")))
    judge = compile_plan(planned, lambda _relation, _row: ())
    cities = {"Chengdu", "Xi'an"}

    def by_hand(c: Customer) -> bool:
        return (c.city in cities and c.source == "import" and c.version >= 1) or c.owner == "clerk 7"

    def ours() -> int:
        return sum(1 for p in people if judge(p))

    def peer() -> int:
        return sum(1 for p in people if by_hand(p))

    assert ours() == peer() > 0
    made = [Comparison("judge a customer in memory", ours, peer, "a function by hand", 2, count=count)]
    for name, matches in engines().items():

        def other(matches: Callable[[Any], Any] = matches) -> int:
            return sum(1 for row in rows if matches(row))

        assert other() == ours(), name
        made.append(Comparison("judge a customer in memory", ours, other, name, 15, faster=True, count=count))
    return made


def engines() -> dict[str, Callable[[Any], Any]]:
    """Each as a function from a row to whether the rule holds."""
    import json_logic
    import rule_engine

    panzi = beside("panzi_json_logic", "json_logic")
    return {
        "rule-engine": rule_engine.Rule(RULE_ENGINE).matches,
        "json-logic-qubit": lambda row: json_logic.jsonLogic(JSON_LOGIC, row),
        "panzi-json-logic": lambda row: panzi.jsonLogic(JSON_LOGIC, row),
    }


def beside(name: str, package: str) -> Any:
    """The *package* that lies beside the environment, under a *name* of its own: two distributions call it the same."""
    found = BESIDE / package / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, found, submodule_search_locations=[str(found.parent)])
    if spec is None or spec.loader is None or not found.exists():
        raise ModuleNotFoundError(f"{found} is missing: `make bench` installs it")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
