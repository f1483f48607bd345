"""Assignment: who gets which lead, in turn and for a reason."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit import CRM, F
from crmkit.errors import DefinitionError, Duplicate, InvalidInput, NotFound
from crmkit.kernel.events import EventRecord
from crmkit.kernel.rules import Rule
from crmkit.pipeline.assignment.entry import AssignmentEntry, Turns, chosen, remaining
from crmkit.pipeline.assignment.salesperson import Salesperson
from crmkit.pipeline.leads import Lead
from crmkit.testing import FrozenClock
from tests.pipeline.worlds import MONDAY


def team(crm: CRM, *names: str, **fields: Any) -> None:
    for name in names:
        crm.pipeline.salespeople.register(name, team="south", **fields)


def assigned(crm: CRM, **fields: Any) -> str | None:
    return crm.pipeline.assignment.assign(crm.pipeline.leads.capture(**{"name": "x", **fields})).owner


# ── Entries in order ──


def test_the_first_entry_that_fits_decides(anywhere: CRM) -> None:
    team(anywhere, "Li", "Xu", "Zhou")
    entries = anywhere.pipeline.assignment
    entries.define("large", rule=F.employees >= 100, people=["Zhou"])
    entries.define("friends", rule=F.source == "friend", people=["Xu"])
    entries.define("rest", people=["Li"])
    assert assigned(anywhere, employees=500, source="friend") == "Zhou"
    assert assigned(anywhere, employees=5, source="friend") == "Xu"
    assert assigned(anywhere) == "Li"
    lead = anywhere.pipeline.leads.capture(name="x", source="friend")
    decision = entries.explain(lead)
    assert (decision.owner, decision.entry) == ("Xu", "friends")
    assert "friends" in decision.because
    assert anywhere.pipeline.leads.get(lead.id).owner is None  # explaining changes nothing


def test_without_a_fitting_entry_a_lead_stays(anywhere: CRM) -> None:
    team(anywhere, "Li")
    anywhere.pipeline.assignment.define("large", rule=F.employees >= 100, team="south")
    lead = anywhere.pipeline.leads.capture(name="x")
    assert anywhere.pipeline.assignment.assign(lead) == lead
    assert anywhere.pipeline.assignment.explain(lead).because == "no entry fits"


def test_an_entry_that_would_never_be_asked_is_refused(crm: CRM) -> None:
    team(crm, "Li")
    crm.pipeline.assignment.define("all", team="south")
    with pytest.raises(InvalidInput, match="'large' would never be asked: 'all' before it"):
        crm.pipeline.assignment.define("large", rule=F.employees >= 100, team="south")
    crm.pipeline.assignment.define("large", rule=F.employees >= 100, team="south", position=-1)
    assert [e.name for e in crm.pipeline.assignment.find(order_by="position")] == ["large", "all"]
    crm.pipeline.assignment.forget("all")
    with pytest.raises(NotFound, match="did you mean 'large'"):
        crm.pipeline.assignment.forget("larg")


@pytest.mark.parametrize(
    ("given_fields", "error", "message"),
    [
        ({"people": ["Liu"]}, NotFound, "did you mean 'Li'"),
        ({"team": "north"}, NotFound, "nobody is in the team"),
        ({}, InvalidInput, "people= or to a team="),
        ({"people": ["Li"], "team": "south"}, InvalidInput, "one of both"),
        ({"team": "south", "how": "dice"}, InvalidInput, "dice"),
        ({"team": "south", "speaks": "tongue"}, InvalidInput, "tongue"),
        ({"team": "south", "rule": F.emploees > 3}, DefinitionError, "employees"),
    ],
)
def test_bad_entries_are_refused(crm: CRM, given_fields: dict[str, Any], error: type[Exception], message: str) -> None:
    team(crm, "Li")
    with pytest.raises(error, match=message):
        crm.pipeline.assignment.define("x", **given_fields)
    assert crm.pipeline.assignment.count() == 0


# sales.json djangocrm-routing-conditions (MicroPyramid/Django-CRM@d3eb5f94 cases/tests/test_routing.py), on leads: its
# conditions are rules here.  An unknown field, which matches nothing there, is refused when the rule is written.
@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (F.interest == "Urgent", True),
        (F.interest == "Low", False),
        (F.interest.in_(["High", "Urgent"]), True),
        (F.interest.in_(["Low"]), False),
        (F.tags.has("billing"), True),
        (F.tags.has("shipping"), False),
        (F.company.contains("Billing"), True),
        (F.email.contains("@alpha."), True),
        ((F.interest == "Urgent") & F.tags.has("billing"), True),
        ((F.interest == "Urgent") & F.tags.has("shipping"), False),
        (None, True),
    ],
)
def test_routing_conditions(anywhere: CRM, rule: Rule | None, matches: bool) -> None:  # noqa: FBT001
    team(anywhere, "Li")
    anywhere.pipeline.assignment.define("x", rule=rule, team="south")
    owner = assigned(
        anywhere, interest="Urgent", tags={"billing", "vip"}, company="Billing question", email="a@alpha.example.com"
    )
    assert (owner == "Li") is matches


# ── In turn ──


def test_round_robin_goes_on_where_it_was(anywhere: CRM, clock: FrozenClock) -> None:
    team(anywhere, "Li", "Xu", "Zhou")
    anywhere.pipeline.assignment.define("south", team="south")
    assert [assigned(anywhere) for _ in range(4)] == ["Li", "Xu", "Zhou", "Li"]
    anywhere.pipeline.salespeople.update("Xu", active=False)
    clock.advance(hours=1)
    assert [assigned(anywhere) for _ in range(3)] == ["Zhou", "Li", "Zhou"]


def test_each_entry_has_its_own_turns(anywhere: CRM) -> None:
    team(anywhere, "Li", "Xu")
    anywhere.pipeline.assignment.define("web", rule=F.source == "web", team="south")
    anywhere.pipeline.assignment.define("rest", team="south")
    assert [assigned(anywhere, source=s) for s in ("web", "tv", "web", "tv")] == ["Li", "Li", "Xu", "Xu"]


def test_weights(anywhere: CRM) -> None:
    team(anywhere, "Li", weight=1)
    team(anywhere, "Xu", weight=3)
    team(anywhere, "Zhou", weight=0)
    anywhere.pipeline.assignment.define("south", team="south", how="weighted")
    assert Counter(assigned(anywhere) for _ in range(12)) == {"Li": 3, "Xu": 9}


def test_somebody_new_gets_a_share_and_no_more(anywhere: CRM) -> None:
    team(anywhere, "Li")
    anywhere.pipeline.assignment.define("south", team="south", how="weighted")
    for _ in range(10):
        assigned(anywhere)
    team(anywhere, "Xu")
    assert Counter(assigned(anywhere) for _ in range(10)) == {"Li": 5, "Xu": 5}


def test_least_busy(anywhere: CRM) -> None:
    team(anywhere, "Li", "Xu")
    anywhere.pipeline.assignment.define("south", team="south", how="least_busy")
    for n in range(3):
        lead = anywhere.pipeline.leads.capture(name=str(n), owner="Li")
    anywhere.pipeline.leads.disqualify(lead, reason="spam")
    assert [assigned(anywhere) for _ in range(4)] == ["Xu", "Xu", "Li", "Xu"]


# ── Who can ──


def test_skills_languages_and_territories(anywhere: CRM) -> None:
    people = anywhere.pipeline.salespeople
    people.register("Amy", team="t", skills={"french", "drones"}, territory={"France"})
    people.register("Bob", team="t", skills={"german", "drones"})
    people.register("Cem", team="t", skills={"german"}, territory={"Berlin", "Turkey"})
    anywhere.pipeline.assignment.define(
        "drones", rule=F.interest == "drones", team="t", skills={"drones"}, speaks="language"
    )
    anywhere.pipeline.assignment.define("local", team="t", speaks="language", local=True)
    assert assigned(anywhere, interest="drones", language="french") == "Amy"
    assert assigned(anywhere, interest="drones", language="german") == "Bob"
    assert assigned(anywhere, interest="drones", language="polish") is None
    assert assigned(anywhere, language="german", city="Berlin") == "Bob"
    assert assigned(anywhere, language="german", city="Berlin") == "Cem"
    assert assigned(anywhere, language="german", city="Hamburg", country="Germany") == "Bob"
    decision = anywhere.pipeline.assignment.explain(
        anywhere.pipeline.leads.capture(name="x", language="german", country="France")
    )
    assert dict(decision.others) == {"Amy": "cannot german", "Cem": "sells in Berlin, Turkey"}
    assert "Cem" in format(decision, "md")
    assert "<table" in decision._repr_html_()


def test_if_nobody_can_the_next_entry_is_asked_only_if_told_so(anywhere: CRM) -> None:
    team(anywhere, "Li", active=False)
    anywhere.pipeline.salespeople.register("Xu", team="north")
    anywhere.pipeline.assignment.define("south", rule=F.region == "south", team="south")
    anywhere.pipeline.assignment.define("rest", team="north")
    assert assigned(anywhere, region="south") is None
    anywhere.pipeline.assignment.define("south", rule=F.region == "south", team="south", go_on=True)
    assert assigned(anywhere, region="south") == "Xu"


# sales.json odoo-assignment-quota (odoo 18.0 test_crm_lead_assignment.py test_assign_quota)
@pytest.mark.parametrize(
    ("monthly", "assigned_before", "quota"),
    [(45, 0, 2), (45, 30, -28), (15, 0, 1), (30, 0, 1), (60, 0, 2)],
)
def test_the_quota_of_a_day(monthly: int, assigned_before: int, quota: int) -> None:
    assert remaining(monthly, assigned_last_24h=assigned_before) == quota


def test_capacity_of_a_day(anywhere: CRM, clock: FrozenClock) -> None:
    team(anywhere, "Li", "Xu", monthly_limit=45)
    anywhere.pipeline.assignment.define("south", team="south")
    assert [assigned(anywhere) for _ in range(5)] == ["Li", "Xu", "Li", "Xu", None]
    lead = anywhere.pipeline.leads.capture(name="x")
    assert anywhere.pipeline.assignment.explain(lead).others[0] == ("Li", "has had 2 leads in 24 hours")
    clock.advance(hours=24)
    assert anywhere.pipeline.assignment.assign(lead).owner == "Li"


def test_a_closed_lead_is_not_assigned(crm: CRM) -> None:
    lead = crm.pipeline.leads.disqualify(crm.pipeline.leads.capture(name="x"), reason="spam")
    with pytest.raises(InvalidInput, match="disqualified"):
        crm.pipeline.assignment.assign(lead)


# ── All at once ──


def test_distributing_is_the_same_as_assigning_one_by_one(clock: FrozenClock) -> None:
    def world() -> CRM:
        crm = CRM.open("sqlite://", currency="CNY", clock=clock)
        team(crm, "Li", "Xu", "Zhou", monthly_limit=90)
        crm.pipeline.salespeople.register("Big", team="north", weight=2)
        crm.pipeline.assignment.define("web", rule=F.source == "web", team="south")
        crm.pipeline.assignment.define(
            "large", rule=F.employees >= 100, people=["Big", "Li"], how="weighted", go_on=True
        )
        crm.pipeline.assignment.define("rest", team="south", how="least_busy")
        rows = [{"name": str(n), "source": "web" if n % 3 else "tv", "employees": 60 * (n % 4)} for n in range(24)]
        crm.pipeline.leads.capture_many(rows)
        return crm

    with world() as one, world() as other:
        decisions = one.pipeline.assignment.distribute()
        for lead in other.pipeline.leads.find(order_by="created_at"):
            other.pipeline.assignment.assign(lead)
        owners = [{lead.name: lead.owner for lead in crm.pipeline.leads.find()} for crm in (one, other)]
        assert owners[0] == owners[1]
        assert {d.lead.name: d.owner for d in decisions} == owners[0]
        assert Counter(owners[0].values())["Big"] > 0
        assert one.pipeline.assignment.distribute(limit=0) == []
        again = one.pipeline.assignment.distribute()
        assert [d.owner for d in again] == [None] * list(owners[0].values()).count(None)


def test_the_most_promising_first(crm: CRM) -> None:
    team(crm, "Li", monthly_limit=30)
    crm.pipeline.assignment.define("south", team="south")
    for name, probability in (("poor", 10), ("good", 90), ("unknown", None)):
        crm.pipeline.scoring.set(crm.pipeline.leads.capture(name=name), probability=probability)
    decisions = crm.pipeline.assignment.distribute()
    assert [(d.lead.name, d.owner) for d in decisions] == [("good", "Li"), ("poor", None), ("unknown", None)]


@given(
    weights=st.lists(st.integers(0, 7), min_size=1, max_size=5).filter(any),
    leads=st.integers(1, 60),
)
def test_weights_hold_in_every_window(weights: list[int], leads: int) -> None:
    people = [
        Salesperson(id=f"sp_{n}", created_at=MONDAY, name=f"p{n}", team="t", weight=weight)
        for n, weight in enumerate(weights)
    ]
    entry = AssignmentEntry(id="aent_1", created_at=MONDAY, name="e", team="t", how="weighted")
    lead = Lead(id="lead_1", created_at=MONDAY, stage_since=MONDAY, name="x")
    turns = Turns()
    got = []
    for _ in range(leads):
        decision = chosen(entry, lead, people, turns)
        assert decision.owner is not None
        turns.took(decision.owner, entry="e")
        got.append(decision.owner)
    total = sum(weights)
    for begin in range(len(got) - total + 1):
        window = Counter(got[begin : begin + total])
        assert {p.name: window[p.name] for p in people} == {p.name: p.weight for p in people}


# ── Salespeople ──


def test_who_reports_to_whom(crm: CRM) -> None:
    people = crm.pipeline.salespeople
    people.register("Chen")
    people.register("Li", manager="Chen")
    people.register("Xu", manager="Li", email="Xu@Studio.example")
    assert [p.name for p in people.reports("Chen")] == ["Li", "Xu"]
    assert people.get("Xu").email == "xu@studio.example"
    with pytest.raises(InvalidInput, match="circle"):
        people.update("Chen", manager="Xu")
    with pytest.raises(InvalidInput, match="own manager"):
        people.update("Chen", manager="Chen")
    with pytest.raises(InvalidInput, match="stays"):
        people.update("Chen", name="C")
    with pytest.raises(NotFound, match="did you mean"):
        people.get("Chenn")
    with pytest.raises(Duplicate):
        people.register("Li")
    with pytest.raises(InvalidInput, match="colour"):
        people.register("Zhou", colour="red")


# ── By itself ──


def given_out_at_capture(crm: CRM) -> None:
    team(crm, "Li", "Xu", "Zhou", monthly_limit=90)
    crm.pipeline.assignment.define("web", rule=F.source == "web", people=["Li", "Xu"], go_on=True)
    crm.pipeline.assignment.define("large", rule=F.employees >= 100, people=["Zhou"])
    crm.pipeline.assignment.automate(at_capture=True)


def test_leads_are_given_out_as_they_come_and_it_is_told_why(anywhere: CRM) -> None:
    given_out_at_capture(anywhere)
    leads = anywhere.pipeline.leads
    lead = leads.capture(name="a", source="web", key="form-1")
    assert (lead.owner, lead.owned_since) == ("Li", MONDAY)
    with anywhere.read() as work:
        told = work.find(EventRecord, (F.subject == lead.id) & (F.name == "pipeline.lead_assigned"))
    assert [(e.payload["owner"], e.payload["because"]) for e in told] == [("Li", "web: the first in turn")]
    assert leads.capture(name="a", source="web", key="form-1") == lead  # the same key is the same lead, and no turn
    assert leads.capture(name="b", source="web").owner == "Xu"
    assert leads.capture(name="c", employees=100).owner == "Zhou"
    assert leads.capture(name="d").owner is None  # no entry fits
    assert leads.capture(name="e", source="web", owner="boss").owner == "boss"  # it has come with an owner


def test_many_leads_at_a_time_go_the_same_ways(clock: FrozenClock) -> None:
    rows: list[dict[str, Any]] = [
        {"name": str(n), "source": "web" if n % 3 else "tv", "employees": 60 * (n % 4)} for n in range(24)
    ]
    with CRM.open("sqlite://", clock=clock) as one, CRM.open("memory://", clock=clock) as other:
        for crm in (one, other):
            given_out_at_capture(crm)
        together = one.pipeline.leads.capture_many(rows)
        apart = [other.pipeline.leads.capture(**row) for row in rows]
        assert [(lead.name, lead.owner) for lead in together] == [(lead.name, lead.owner) for lead in apart]
        assert together == one.pipeline.leads.find(order_by="id")
        assert len({lead.owner for lead in together}) == 4  # three people, and nobody


@pytest.mark.slow
def test_turns_and_limits_hold_when_leads_come_from_everywhere(postgres_database: str) -> None:
    with CRM.open(postgres_database, migrate=True) as crm:
        team(crm, "Li", "Xu")
        team(crm, "Zhou", monthly_limit=90)
        crm.pipeline.assignment.define("south", team="south")
        crm.pipeline.assignment.automate(at_capture=True)
        with ThreadPoolExecutor(8) as pool:
            leads = list(pool.map(lambda n: crm.pipeline.leads.capture(name=str(n)), range(43)))
    assert Counter(lead.owner for lead in leads) == {"Li": 20, "Xu": 20, "Zhou": 3}


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_a_form_that_may_see_nothing_gives_its_leads_out(clock: FrozenClock, many: bool) -> None:  # noqa: FBT001
    with CRM.open("sqlite://", clock=clock, access=lambda *_: F.id.is_missing()) as crm:
        given_out_at_capture(crm)
        form = crm.acting_as("form").pipeline.leads
        row = {"name": "a", "source": "web"}
        form.capture_many([row, row]) if many else form.capture(name="a", source="web")
        assert [lead.owner for lead in crm.pipeline.leads.find(order_by="id")] == ["Li", "Xu"][: 1 + many]


def test_nobody_gets_leads_by_itself_unless_told_so(anywhere: CRM) -> None:
    given_out_at_capture(anywhere)
    anywhere.pipeline.assignment.automate(at_capture=False)
    assert anywhere.pipeline.leads.capture(name="a", source="web").owner is None


def test_a_lead_that_went_back_to_the_pool_waits_there(anywhere: CRM, clock: FrozenClock) -> None:
    given_out_at_capture(anywhere)
    anywhere.pipeline.pool.define(idle=timedelta(days=7))
    lead = anywhere.pipeline.leads.capture(name="a", source="web")
    clock.advance(days=7, seconds=1)
    anywhere.run_due()
    assert [found.id for found in anywhere.pipeline.pool.available()] == [lead.id]
