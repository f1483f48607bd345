"""crmkit: the CRM domain as a library.

One centre, the customer; two cores, segmentation and life cycle; four pillars, sales, marketing, service and
statistical analysis.  The tree is the API: ``crm.<room>.<collection>.<verb>(...)``.

::

    customers/   the centre: people, companies, relationships, consents, segments, the portrait
    pipeline/    sales: leads, opportunities, products, orders, payments, activities, quotas, commissions
    lifecycle/   stages, life events, journeys, loyalty, retention
    service/     cases, service levels, escalation, routing, solutions, surveys
    marketing/   campaigns, templates, sends, attribution
    analytics/   funnel, growth, RFM, lifetime value, cohorts
    plugins/     what a host can swap: channels and stores
    reactions.py everything that crosses two rooms, in one table
    kernel/      small shared words: entities, events, machines, rules, money, calendars, the unit of work
    testing/     for hosts' tests: fixtures, strategies, conformance suites

>>> from crmkit import CRM, F
>>> with CRM.open() as crm:
...     wang = crm.customers.register(name="Xiao Wang", city="Chengdu")
...     crm.customers.find(F.city == "Chengdu") == [wang]
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit.crm import CRM, Transaction
    from crmkit.errors import (
        AccessDenied,
        Conflict,
        ConsentMissing,
        CrmError,
        DefinitionError,
        DeliveryFailed,
        Duplicate,
        InvalidInput,
        NotFound,
        PluginError,
        Refused,
        StaleEntity,
        TransitionRefused,
    )
    from crmkit.kernel.calendar import BusinessCalendar
    from crmkit.kernel.change import Change
    from crmkit.kernel.clock import Clock, FrozenClock, SystemClock
    from crmkit.kernel.entity import Entity, attribute, entity
    from crmkit.kernel.events import Event, event
    from crmkit.kernel.extras import Extra
    from crmkit.kernel.machine import Machine, on
    from crmkit.kernel.money import Money
    from crmkit.kernel.rates import RateTable
    from crmkit.kernel.room import Room
    from crmkit.kernel.rules import F, Rule, none_of, one_of
    from crmkit.pipeline import Line

    if TYPE_CHECKING:
        from crmkit.aio import AsyncCRM

__version__ = "0.1.0"
__all__ = [
    "CRM",
    "AccessDenied",
    "AsyncCRM",
    "BusinessCalendar",
    "Change",
    "Clock",
    "Conflict",
    "ConsentMissing",
    "CrmError",
    "DefinitionError",
    "DeliveryFailed",
    "Duplicate",
    "Entity",
    "Event",
    "Extra",
    "F",
    "FrozenClock",
    "InvalidInput",
    "Line",
    "Machine",
    "Money",
    "NotFound",
    "PluginError",
    "RateTable",
    "Refused",
    "Room",
    "Rule",
    "StaleEntity",
    "SystemClock",
    "Transaction",
    "TransitionRefused",
    "attribute",
    "entity",
    "event",
    "none_of",
    "on",
    "one_of",
]


# The names load when they are first used: `import crmkit` costs a few milliseconds, whatever the house holds.
_HOMES = {
    "aio": "AsyncCRM",
    "crm": "CRM Transaction",
    "errors": "AccessDenied Conflict ConsentMissing CrmError DefinitionError DeliveryFailed Duplicate InvalidInput "
    "NotFound PluginError Refused StaleEntity TransitionRefused",
    "kernel.calendar": "BusinessCalendar",
    "kernel.change": "Change",
    "kernel.clock": "Clock FrozenClock SystemClock",
    "kernel.entity": "Entity attribute entity",
    "kernel.events": "Event event",
    "kernel.extras": "Extra",
    "kernel.machine": "Machine on",
    "kernel.money": "Money",
    "kernel.rates": "RateTable",
    "kernel.room": "Room",
    "kernel.rules": "F Rule none_of one_of",
    "pipeline": "Line",
}
_MODULES = {name: f"crmkit.{module}" for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"crmkit has no {name!r}")
    value = globals()[name] = getattr(import_module(module), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
