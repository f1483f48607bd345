"""What other systems' own tests say about segments, replayed step by step in every store.

The cases and where they come from are in ``cases.json``; those of single comparisons are asked in
``test_engine_facts.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmkit import CRM, Entity, Event, F, attribute, entity, event
from crmkit.kernel.change import Change
from crmkit.kernel.rules import Rule, nodes
from crmkit.testing import FrozenClock

CASES = {c["id"]: c for c in json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))}
TIMELINES = [c for c in CASES.values() if c["category"] == "segments/timeline"]


@entity("profile", prefix="prof")
class Profile(Entity):
    """What a host knows of a customer."""

    customer_id: str = attribute(references="customer")
    env: str | None = attribute(default=None)
    status: str | None = attribute(default=None)
    status_since: datetime | None = attribute(default=None)
    email: str | None = attribute(default=None)
    first_name: str | None = attribute(default=None)
    joined_at: datetime | None = attribute(default=None)


@entity("deed", prefix="deed", when="done_at")
class Deed(Entity):
    """Something that a customer did."""

    customer_id: str = attribute(references="customer")
    name: str = attribute()
    status: str | None = attribute(default=None)
    kind: str | None = attribute(default=None)
    group: str | None = attribute(default=None)
    done_at: datetime = attribute()


@event("cases.noticed")
class Noticed(Event):
    """Something about the customer is new."""

    thing_id: str
    customer_id: str


NAMES = {"createdAt": "joined_at", "firstName": "first_name"}


def rule_of(definition: dict[str, Any]) -> Rule | None:
    """The rule that says what the definition says; none for a list kept by hand."""
    known = {node["id"]: node for node in [definition["entryNode"], *definition["nodes"]]}
    return translated(definition["entryNode"], known)


def translated(node: dict[str, Any], known: dict[str, Any]) -> Rule | None:
    match node["type"]:
        case "And":
            parts = [translated(known[child], known) for child in node["children"]]
            return nodes.AllOf(tuple(p for p in parts if p is not None))
        case "Trait":
            return trait(node)
        case "Performed":
            return performed(node)
        case "LastPerformed":
            rows = F.deeds.where(F.name.starts_with(node["event"].removesuffix("*")))
            for wanted in node["whereProperties"]:
                rows = rows.where(~F[wanted["path"]].is_missing())
            return ~rows.last(node["hasProperties"][0]["path"]).is_missing()
    assert node["type"] == "Manual"
    return None


def trait(node: dict[str, Any]) -> Rule:
    field, operator = F[NAMES.get(node["path"], node["path"])], node["operator"]
    match operator["type"]:
        case "Equals":
            wanted = field == operator["value"]
        case "NotEquals":
            return F.profiles.any() & F.profiles.where(field == operator["value"]).none()
        case "Exists":
            wanted = ~field.is_missing()
        case "NotExists":
            return F.profiles.where(~field.is_missing()).none()
        case "Within":
            wanted = field.in_last(seconds=operator["windowSeconds"])
        case "HasBeen":
            held = field.held(operator["value"], seconds=operator["windowSeconds"])
            wanted = held if operator["comparator"] == "GTE" else (field == operator["value"]) & ~held
        case other:
            pytest.fail(other)
    return F.profiles.where(wanted).any()


def performed(node: dict[str, Any]) -> Rule:
    rows = F.deeds.where(F.name == node["event"])
    for wanted in node.get("properties", ()):
        rows = rows.where(F[wanted["path"]] == wanted["operator"]["value"])
    if "withinSeconds" in node:
        rows = rows.within(seconds=node["withinSeconds"])
    times = node.get("times", 1)
    fewer, enough = rows.count() < times, rows.count() >= times
    chosen: Rule = fewer if node.get("timesOperator") == "<" else enough
    return chosen


class Replay:
    """One timeline in a CRM."""

    def __init__(self, crm: CRM, clock: FrozenClock, case: dict[str, Any]) -> None:
        self.crm, self.clock, self.case = crm, clock, case
        self.start = clock.now()
        self.begin = moment(case["inputs"]["steps"][0]["at"])
        self.people: dict[str, str] = {}
        self.version = 1
        self.define(case["inputs"]["segments"])

    def when(self, text: str) -> datetime:
        return self.start + (moment(text) - self.begin)

    def define(self, segments: list[dict[str, Any]]) -> None:
        self.names = [s["name"] for s in segments]
        for segment in segments:
            rule = rule_of(segment["definition"])
            if rule is None:
                self.version = segment["definition"]["entryNode"]["version"]
                self.crm.customers.segments.define(segment["name"], members=())
                for who in self.people.values():
                    self.crm.customers.segments.leave_to_rule(segment["name"], who)
            else:
                self.crm.customers.segments.define(segment["name"], rule=rule)

    def run(self) -> None:
        expected = list(self.case["expected"])
        for step in self.case["inputs"]["steps"]:
            match step["op"]:
                case "events":
                    for happened in step["events"]:
                        self.happens(happened)
                case "advance_ms":
                    self.clock.advance(milliseconds=step["ms"])
                case "redefine":
                    self.define(step["segments"])
                case "compute":
                    for name in self.names:
                        self.crm.customers.segments.refresh(name)
                    if expected and expected[0]["at"] == step["at"]:
                        self.compare(expected.pop(0))
        assert not expected

    def compare(self, expected: dict[str, Any]) -> None:
        for user, segments in expected["segments_by_user"].items():
            for name, wanted in segments.items():
                members = {c.id for c in self.crm.customers.segments.members(name)}
                assert (self.people.get(user) in members) is bool(wanted), (user, name, expected["description"])

    def happens(self, happened: dict[str, Any]) -> None:
        user, at = happened["userId"], self.when(happened["occurred_at"])
        if user not in self.people:
            self.people[user] = self.crm.customers.register(name=user).id
        who, properties = self.people[user], happened.get("properties", {})
        if happened["type"] == "identify":
            self.identify(who, happened["traits"], at)
        elif happened["event"] == "DFManualSegmentUpdate":
            if properties["inSegment"] and properties["version"] == self.version:
                self.crm.customers.segments.include(properties["segmentId"], who)
        else:
            with self.crm.work() as work:
                deed = work.new(Deed, customer_id=who, name=happened["event"], done_at=at, **properties)
                work.save(Change(deed, (Noticed(thing_id=deed.id, customer_id=who),)))

    def identify(self, who: str, traits: dict[str, Any], at: datetime) -> None:
        values: dict[str, Any] = {NAMES.get(name, name): value or None for name, value in traits.items()}
        values = {name: value for name, value in values.items() if name in Profile.__schema__}
        if "joined_at" in values:
            values["joined_at"] = self.when(values["joined_at"])
        with self.crm.work() as work:
            known = work.first(Profile, F.customer_id == who)
            if "status" in values and (known is None or known.status != values["status"]):
                values["status_since"] = at
            profile = work.new(Profile, customer_id=who, **values) if known is None else known.evolve(**values)
            work.save(Change(profile, (Noticed(thing_id=profile.id, customer_id=who),)))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def own(target: str, clock: FrozenClock) -> Iterator[CRM]:
    with CRM.open(target, migrate=True, clock=clock, entities=[Profile, Deed], events=[Noticed]) as crm:
        yield crm


@pytest.mark.parametrize("case", TIMELINES, ids=[c["id"] for c in TIMELINES])
def test_timelines_of_other_systems(own: CRM, clock: FrozenClock, case: dict[str, Any]) -> None:
    Replay(own, clock, case).run()


# ── What systems get wrong ──


def test_at_most_two_orders_includes_those_with_none(own: CRM, clock: FrozenClock) -> None:
    case = CASES["count-lte-includes-zero"]
    for name, count in case["inputs"]["customers"].items():
        who = own.customers.register(name=name).id
        with own.work() as work:
            for _ in range(count):
                work.save_new([Change(work.new(Deed, customer_id=who, name="order", done_at=clock.now()))])
    found = own.customers.find(F.deeds.where(F.name == "order").within(days=90).count() <= 2)
    assert sorted(c.name for c in found) == case["expected"]["members"]
    assert [c.name for c in own.customers.find(F.deeds.count() == 0)] == ["a"]


def test_without_a_tag_means_that_none_of_the_tags_is_it(own: CRM) -> None:
    case = CASES["exclude-scope"]
    for name, tags in case["inputs"]["contacts"].items():
        own.customers.register(name=name, tags=set(tags))
    found = own.customers.find(F.tags.has_none(*case["inputs"]["condition"]["values"]))
    assert sorted(c.name for c in found) == case["expected"]["members"]


def test_a_missing_number_is_not_below_five(own: CRM) -> None:
    customer = own.customers.register(name="No birthday")
    assert own.customers.count(F.birthday.year < 5) == 0
    assert not own.customers.segments.explain(F.birthday.age < 5, customer).matches


def test_a_birthday_on_the_29th_of_february_is_kept_on_the_28th(own: CRM, clock: FrozenClock) -> None:
    own.customers.register(name="Leap", birthday=date(2000, 2, 29))
    assert own.customers.count(F.birthday.anniversary()) == 0
    clock.advance(days=(date(2027, 2, 28) - clock.now().date()) // timedelta(days=1))
    assert own.customers.count(F.birthday.anniversary()) == 1
