"""The pool: what nobody follows up returns to everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crmkit import CRM, F
from crmkit.errors import DefinitionError, InvalidInput, NotFound, Refused
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.work import Work
from crmkit.pipeline.leads import Lead
from crmkit.testing import FrozenClock
from tests.pipeline.worlds import MONDAY

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def owner(crm: CRM, lead_id: str) -> str | None:
    return crm.pipeline.leads.get(lead_id).owner


def test_a_lead_that_nobody_follows_up_returns_just_after_the_time(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=7 * DAY)
    lead = anywhere.pipeline.leads.capture(name="x", owner="xu")
    clock.advance(days=7)
    assert anywhere.run_due().ran == 0  # exactly seven days are not more than seven days
    clock.advance(seconds=1)
    assert anywhere.run_due().ran == 1
    assert owner(anywhere, lead.id) is None
    assert [lead.id for lead in anywhere.pipeline.pool.available()] == [lead.id]


def test_a_follow_up_keeps_it(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=7 * DAY)
    lead = anywhere.pipeline.leads.assign(anywhere.pipeline.leads.capture(name="x"), to="xu")
    clock.advance(days=6)
    anywhere.pipeline.activities.log("call", subject="Hello", about=lead)
    clock.advance(days=6)
    anywhere.run_due()
    assert owner(anywhere, lead.id) == "xu"
    clock.advance(days=1, seconds=1)
    anywhere.run_due()
    assert owner(anywhere, lead.id) is None


def test_holding_has_an_end_whatever_is_done(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=7 * DAY, hold=3 * DAY)
    lead = anywhere.pipeline.leads.capture(name="x", owner="xu")
    clock.advance(days=2)
    anywhere.pipeline.activities.log("call", subject="Hello", about=lead)
    clock.advance(days=1, seconds=1)
    anywhere.run_due()
    assert owner(anywhere, lead.id) is None


def test_locked_and_closed_leads_stay(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=DAY)
    leads = anywhere.pipeline.leads
    locked = leads.lock(leads.capture(name="locked", owner="xu"))
    closed = leads.disqualify(leads.capture(name="closed", owner="xu"), reason="spam")
    won = leads.qualify(leads.capture(name="won", email="a@b.example", owner="xu"))
    leads.convert(won)
    clock.advance(days=3)
    anywhere.run_due()
    assert [owner(anywhere, lead.id) for lead in (locked, closed, won)] == ["xu"] * 3


def test_unlocked_it_returns(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=DAY)
    leads = anywhere.pipeline.leads
    lead = leads.lock(leads.capture(name="locked", owner="xu"))
    clock.advance(days=3)
    anywhere.run_due()
    leads.unlock(lead)
    anywhere.run_due()
    assert owner(anywhere, lead.id) is None


def test_recycled_leads_are_watched_again(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=DAY)
    leads = anywhere.pipeline.leads
    lead = leads.disqualify(leads.capture(name="x", owner="xu"), reason="spam")
    clock.advance(days=3)
    anywhere.run_due()
    leads.recycle(lead)
    anywhere.run_due()
    assert owner(anywhere, lead.id) is None


def test_a_new_owner_has_the_whole_time(anywhere: CRM, clock: FrozenClock) -> None:
    anywhere.pipeline.pool.define(idle=7 * DAY)
    lead = anywhere.pipeline.leads.capture(name="x", owner="xu")
    clock.advance(days=6)
    anywhere.pipeline.leads.assign(lead, to="li")
    clock.advance(days=6)
    anywhere.run_due()
    assert owner(anywhere, lead.id) == "li"
    clock.advance(days=1, seconds=1)
    anywhere.run_due()
    assert owner(anywhere, lead.id) is None


def test_each_kind_of_lead_has_its_pool_and_a_new_one_catches_those_that_are_there(
    anywhere: CRM, clock: FrozenClock
) -> None:
    lead = anywhere.pipeline.leads.capture(name="x", owner="xu", source="web")
    other = anywhere.pipeline.leads.capture(name="y", owner="xu", source="friend")
    clock.advance(days=2)
    anywhere.pipeline.pool.define("web", rule=F.source == "web", idle=DAY)
    anywhere.run_due()
    assert [owner(anywhere, i) for i in (lead.id, other.id)] == [None, "xu"]


def test_distributed_leads_are_watched_too(crm: CRM, clock: FrozenClock) -> None:
    crm.pipeline.pool.define(idle=DAY)
    crm.pipeline.salespeople.register("xu", team="t")
    crm.pipeline.assignment.define("all", team="t")
    crm.pipeline.leads.capture_many([{"name": "a"}, {"name": "b", "owner": "li"}])
    crm.pipeline.assignment.distribute()
    assert crm.pipeline.pool.available() == []
    clock.advance(days=1, seconds=1)
    crm.run_due()
    assert len(crm.pipeline.pool.available()) == 2


def test_many_leads_cost_a_few_queries_for_each_pool(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.pipeline.pool.define("a", rule=F.source == "tv", idle=DAY)
    crm.pipeline.pool.define("b", rule=F.source == "fair", idle=2 * DAY)
    crm.pipeline.pool.define("c", hold=3 * DAY)
    asked: list[Any] = []
    columns = Work.columns

    def counting(work: Work, cls: type[Lead], *args: Any) -> list[tuple[Any, ...]]:
        asked.append(cls)
        return columns(work, cls, *args)

    monkeypatch.setattr(Work, "columns", counting)
    monkeypatch.setattr(Work, "count", None)
    rows = [{"name": str(n), "source": ("tv", "fair", "web")[n % 3], "owner": "ann"} for n in range(300)]
    leads = crm.pipeline.leads.capture_many(rows)
    assert asked == [Lead, Lead]
    monkeypatch.undo()
    with crm.read() as work:
        due = {item.subject: item.due_at for item in work.find(AgendaItem, F.kind == "pipeline.check_pool")}
    assert [due[lead.id] for lead in leads[:3]] == [MONDAY + n * DAY + SECOND for n in (1, 2, 3)]
    assert len(due) == 300


@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
def test_a_lead_of_somebody_who_may_see_nothing_is_watched(clock: FrozenClock, many: bool) -> None:  # noqa: FBT001
    with CRM.open("sqlite://", clock=clock, access=lambda *_: F.id.is_missing()) as crm:
        crm.pipeline.pool.define("web", rule=F.source == "web", idle=DAY)
        form, row = crm.acting_as("form").pipeline.leads, {"name": "a", "source": "web", "owner": "ann"}
        form.capture_many([row, row]) if many else form.capture(name="a", source="web", owner="ann")
        clock.advance(days=1, seconds=1)
        crm.run_due()
        assert {lead.owner for lead in crm.pipeline.leads.find()} == {None}


def test_claiming(anywhere: CRM, clock: FrozenClock) -> None:
    pool = anywhere.pipeline.pool
    pool.define(idle=7 * DAY, claims_per_day=2, rest=3 * DAY)
    leads = [anywhere.pipeline.leads.capture(name=str(n)) for n in range(4)]
    first = pool.claim(leads[0], owner="xu")
    assert first.owner == "xu"
    with pytest.raises(Refused, match="xu has it"):
        pool.claim(first, owner="li")
    anywhere.acting_as("xu").pipeline.pool.claim(leads[1])
    with pytest.raises(Refused, match="2 leads in 24 hours"):
        pool.claim(leads[2], owner="xu")
    clock.advance(hours=24)
    pool.release(first.id)
    with pytest.raises(Refused, match="may take it from 2026-03-06"):
        pool.claim(first.id, owner="xu")
    pool.claim(first.id, owner="li")
    clock.advance(days=3)
    pool.release(first.id)
    assert pool.claim(first.id, owner="xu").owner == "xu"


def test_what_cannot_be_claimed_or_released(crm: CRM) -> None:
    pool = crm.pipeline.pool
    closed = crm.pipeline.leads.disqualify(crm.pipeline.leads.capture(name="x"), reason="spam")
    with pytest.raises(Refused, match="disqualified"):
        pool.claim(closed, owner="xu")
    with pytest.raises(InvalidInput, match="who takes"):
        pool.claim(crm.pipeline.leads.capture(name="x"))
    with pytest.raises(NotFound, match="in the pool already"):
        pool.release(crm.pipeline.leads.capture(name="x"))


def test_a_limit_is_no_less_than_nothing(anywhere: CRM) -> None:
    anywhere.pipeline.leads.capture(name="x")
    assert anywhere.pipeline.pool.available(limit=0) == []
    with pytest.raises(InvalidInput, match="limit"):
        anywhere.pipeline.pool.available(limit=-1)
    with pytest.raises(InvalidInput, match="limit"):
        anywhere.pipeline.assignment.distribute(limit=-1)


def test_bad_pools_are_refused(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="idle="):
        crm.pipeline.pool.define()
    with pytest.raises(InvalidInput, match="longer than nothing"):
        crm.pipeline.pool.define(idle=timedelta(0))
    with pytest.raises(DefinitionError, match="source"):
        crm.pipeline.pool.define(idle=DAY, rule=F.sorce == "web")
    assert crm.pipeline.pool.count() == 0
