"""One story of a sales team on three stores: the same answers, refusals, records, events and numbers on each."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from crmkit import F, Line, Money
from crmkit.customers.people import Customer
from crmkit.pipeline import Stage
from crmkit.pipeline.leads import Lead
from crmkit.pipeline.opportunities import Opportunity
from tests.pipeline.stories import ELSEWHERE, Story, assert_the_same

CARD = "BEGIN:VCARD\nVERSION:3.0\nN:Zoë;Änne\nFN:Änne Zoë\nTEL:139 5555 5555\nEND:VCARD\n"
ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Fair\r\n"
    "DTSTART:20260312T090000Z\r\nRRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nSUMMARY:endless\r\n"
    "DTSTART:20260312T090000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def cny(amount: int) -> Money:
    return Money(amount, "CNY")


class TeamStory(Story):
    """What happens, and what everybody is told on the way."""

    def happens(self) -> None:
        self.team()
        leads = self.leads()
        self.scores(leads)
        self.pool(leads)
        wang, deal = self.converts(leads)
        self.deals(wang, deal)
        self.activities(wang, deal)
        self.later(days=40)

    def team(self) -> None:
        sales = self.crm.pipeline
        sales.salespeople.register("Chen", team="south", email="chen@studio.example")
        for name, fields in {
            "Li": {"skills": {"fr"}, "weight": 2},
            "Xu": {"territory": {"Sichuan"}, "monthly_limit": 60},
        }.items():
            sales.salespeople.register(name, team="south", manager="Chen", **fields)
        sales.assignment.define("french", rule=F.language == "fr", people=["Li"], speaks="language", go_on=True)
        sales.assignment.define("west", rule=F.region == "Sichuan", team="south", local=True, how="weighted")
        self.refused(sales.assignment.define, "rest", team="north")
        sales.assignment.define("rest", team="south", how="least_busy")
        sales.assignment.automate(at_capture=True)
        sales.pool.define(idle=timedelta(days=7), hold=timedelta(days=30), claims_per_day=1, rest=timedelta(days=2))
        sales.stages.define(
            "weddings",
            stages=[
                Stage("talk", probability=20, expected_days=2),
                Stage("offer", probability=60, category="best_case", requires=("amount",), gate="boss"),
                Stage("contract", probability=90, category="commit", exit=F.amount >= cny(10)),
            ],
            lost_reasons=("price", "other"),
        )
        sales.opportunities.alerts.define("large", at_least=cny(1000), notify="chen@studio.example")
        sales.opportunities.alerts.define("drop", drop_percent=10)
        sales.opportunities.alerts.define("slip", slip_days=5)
        sales.activities.follow_ups.define("thanks", subject="Thank them", kind="call", after=timedelta(days=2))
        self.tell(sales.assignment.find(order_by="position"))

    def leads(self) -> dict[str, Lead]:
        leads = self.crm.pipeline.leads
        found = {
            "anna": leads.capture(name="Anna", email="A@example.com", language="fr", key="k1", amount=cny(500)),
            "straße": leads.capture(name="straße", phone="139 1234 5678", region="Sichuan", tags={"vip"}),
            "plain": leads.capture(company="Lakeside", email="lake@example.com", consents={"email": ["marketing"]}),
        }
        rows = [
            {"name": f"row {n}", "email": f"row{n}@example.com", "region": "Sichuan" if n % 2 else None, "source": "tv"}
            for n in range(6)
        ]
        for lead in leads.capture_many(rows):
            found[lead.name] = lead
        self.tell(found)
        self.refused(leads.capture, email="nothing")
        self.tell(leads.capture(name="Anna", key="k1"))
        self.later(minutes=1)
        found["anna"] = leads.update(leads.pursue(found["anna"]), city="Chengdu")
        found["plain"] = leads.qualify(leads.nurture(found["plain"], until=date(2026, 3, 5)))
        self.refused(leads.qualify, leads.capture(name="unreachable"))
        found["row 0"] = leads.disqualify(found["row 0"], reason="too far")
        self.refused(leads.disqualify, found["row 1"], reason="")
        found["row 0"] = leads.recycle(found["row 0"])
        found["row 1"] = leads.lock(leads.assign(found["row 1"], to="Li"))
        self.tell(leads.duplicates(leads.capture(name="Anna", phone="13912345678")))
        plan = leads.plan_merge([found["row 2"], found["row 3"], found["straße"]], owner="Chen")
        self.tell((plan, leads.apply(plan)))
        self.tell(leads.unmerge(plan.survivor.id))
        loaded = self.crm.pipeline.cards.load(CARD + CARD)
        self.tell((loaded, self.crm.pipeline.cards.write([lead.id for lead in loaded.added])))
        return found

    def scores(self, leads: dict[str, Lead]) -> None:
        scoring = self.crm.pipeline.scoring
        scoring.define("calls", rule=F.status == "done", each="activities", points=8, half_life=timedelta(days=10))
        scoring.define("vip", rule=F.tags.has("vip"), points=20)
        self.crm.pipeline.activities.log("call", subject="Hello", about=leads["anna"].id)
        scoring.learn(fields=["source", "region", "has_email", "tags"], every=timedelta(days=10))
        self.tell(self.crm.pipeline.leads.disqualify(leads["row 4"].id, reason="too far"))
        self.later(days=1)
        self.tell((scoring.rescore(), scoring.score(leads["anna"].id), scoring.explain(leads["row 5"].id)))
        self.tell(scoring.set(leads["row 5"].id, probability=77.7))
        self.refused(scoring.set, leads["row 5"].id, probability=101)

    def pool(self, leads: dict[str, Lead]) -> None:
        pool, give = self.crm.pipeline.pool, self.crm.pipeline.assignment
        self.later(days=6.5)
        self.tell(pool.available())
        taken = self.tell(pool.claim(leads["row 5"].id, owner="Xu"))
        self.refused(pool.claim, leads["row 3"].id, owner="Xu")
        self.tell(pool.release(taken))
        self.refused(pool.claim, leads["row 5"].id, owner="Xu")
        self.tell((give.explain(leads["row 3"].id), give.assign(leads["row 3"].id), give.distribute(limit=2)))
        give.automate(at_capture=False)
        give.forget("french")

    def converts(self, leads: dict[str, Lead]) -> tuple[Customer, Opportunity]:
        desk = self.crm.pipeline.leads
        plan = desk.plan(leads["plain"].id, amount=cny(900), pipeline="weddings")
        self.tell(plan)
        self.tell(desk.undo(self.tell(desk.apply(plan))))
        done = desk.convert(leads["plain"].id, amount=cny(900), pipeline="weddings", close_on=date(2026, 4, 1))
        self.refused(desk.convert, leads["plain"].id)
        self.tell(done)
        assert done.opportunity is not None
        return done.customer, done.opportunity

    def deals(self, wang: Customer, deal: Opportunity) -> None:
        deals = self.crm.pipeline.opportunities
        self.refused(deals.advance, deal)
        asked = self.crm.acting_as("Li").pipeline.opportunities.approvals.request(deal, gate="boss")
        self.tell(self.crm.acting_as("Chen").pipeline.opportunities.approvals.grant(asked))
        deal = deals.advance(deal, next_step="call", next_step_on=date(2026, 3, 10))
        self.later(days=1)
        deal = deals.update(deal, amount=cny(700), close_on=date(2026, 4, 20))
        self.refused(deals.update, deal, amount=None)
        deal = deals.set_lines(deal, [Line("Album", quantity=2, unit_price=cny(600), discount=5)])
        deals.involve(deal, wang, role="decision maker", primary=True)
        self.refused(deals.involve, deal, wang, role="decision maker")
        deals.split(deal, {"Li": "33.3", "Xu": "66.7"})
        twin = deals.open(name="Album again", customer=wang, amount=cny(5), source="tv", competitors={"Other"})
        plan = deals.plan_merge([twin, deal.id])
        self.tell((plan, deals.apply(plan)))
        (twin,) = self.tell(deals.unmerge(deal.id))
        deals.lose(deals.transfer(twin, pipeline="b2c"), reason="price", to="Other")
        self.later(days=1)
        deal = deals.reopen(deals.win(deal.id))
        deal = deals.win(deals.advance(deal, to="contract"))
        self.refused(deals.lose, deal, reason="price")
        for day in (9, 10, 11, 12):
            self.tell([deals.as_of(deal, date(2026, 3, day)) for _ in [0] if day > 9])
        self.tell((deals.durations(deal), deals.light(deal), deals.rotting(pipeline="weddings")))
        self.tell((deals.roles(deal), deals.splits(deal), deals.lines(deal)))
        self.tell(self.crm.analytics.funnel(pipeline="weddings"))

    def activities(self, wang: Customer, deal: Opportunity) -> None:
        desk = self.crm.pipeline.activities
        due = self.clock.now() + timedelta(hours=3)
        call = desk.schedule("call", subject="Ask", about=deal, owner="Li", due_at=due, recurrence="FREQ=DAILY;COUNT=4")
        task = desk.schedule("task", subject="Print", about=wang, owner="Li", priority=2)
        visit = desk.schedule(
            "visit", subject="Look", about=wang, owner="Chen", due_at=due, reminder=timedelta(hours=1)
        )
        self.refused(desk.schedule, "call", subject="x", due_at=due, recurrence="FREQ=DAILY")
        self.tell(desk.reschedule(visit, due_at=due + timedelta(hours=2)))
        self.later(hours=5)
        self.tell((desk.overdue(), desk.next(owner="Li"), desk.meeting(deal)))
        desk.done(call.id, outcome="yes")
        desk.reopen(desk.cancel(task))
        desk.cancel(visit.id)
        first = self.tell(desk.mine("Li", size=2))
        self.tell(desk.mine("Li", size=2, after=first.next))
        for cls in (Lead, Opportunity, Customer):
            page = self.tell(desk.in_turn(cls, owner="Li", size=3))
            if page.next:
                self.tell(desk.in_turn(cls, owner="Li", size=3, after=page.next))
        self.tell(desk.load_calendar(ICS, owner="Xu"))
        self.tell(desk.calendar())
        self.tell(desk.caller("139 1234 5678"))


@pytest.fixture(scope="module")
def on_dictionaries() -> TeamStory:
    return TeamStory.lived("memory://")


@pytest.fixture(params=ELSEWHERE)
def elsewhere(request: pytest.FixtureRequest) -> TeamStory:
    return TeamStory.lived_elsewhere(request)


def test_the_story_is_the_same_everywhere(on_dictionaries: TeamStory, elsewhere: TeamStory) -> None:
    assert_the_same(on_dictionaries, elsewhere)


def test_the_story_is_worth_comparing(on_dictionaries: TeamStory) -> None:
    kept = on_dictionaries.kept
    assert {"lead", "opportunity", "activity", "merge", "conversion", "deal_state", "assignment", "message"} <= set(
        kept
    )
    happened = {event.name for event in kept["event"]}
    expected = {
        "pipeline.deal_alert_raised",
        "pipeline.lead_merged",
        "pipeline.lead_unmerged",
        "pipeline.next_step_due",
        "pipeline.opportunity_merged",
        "pipeline.opportunity_unmerged",
        "pipeline.opportunity_won",
    }
    assert expected <= happened
