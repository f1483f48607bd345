"""The story of a wedding-photo studio: an advertisement, a sale, a complaint that waits too long, and an offer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import attrs

from crmkit.crm import CRM
from crmkit.customers.people import Customer
from crmkit.customers.portrait import Portrait
from crmkit.demo.screen import Screen
from crmkit.errors import TransitionRefused
from crmkit.kernel.calendar import BusinessCalendar
from crmkit.kernel.clock import FrozenClock, zone
from crmkit.kernel.ids import IdSource
from crmkit.kernel.money import Money
from crmkit.kernel.rules import F
from crmkit.marketing.campaigns import CampaignResults
from crmkit.pipeline import Line
from crmkit.plugins.channels.memory import MemoryChannel

CNY = "CNY"
ZONE = zone("Asia/Shanghai")
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # nine o'clock there


@attrs.frozen(kw_only=True)
class Told:
    """What the story leaves for the page.

    Attributes:
        portrait: everything that is known of the customer.
        results: what the advertisement brought.
        messages: how many messages were sent.
    """

    portrait: Portrait
    results: CampaignResults
    messages: int


class Studio:
    """The studio's CRM and the screen on which the story is told; each scene is a method."""

    def __init__(self, crm: CRM, clock: FrozenClock, channel: MemoryChannel, screen: Screen) -> None:
        self.crm, self.clock, self.channel, self.screen = crm, clock, channel, screen
        self.tell: Callable[..., None] = screen.step

    def play(self) -> Told:
        """All scenes in order."""
        self.screen.chapter("The wedding studio", "A small story from end to end. The clock is set by the demo.")
        self.advertise()
        wang = self.sell()
        self.segment(wang)
        self.complain(wang)
        self.celebrate(wang)
        return self.look_back(wang)

    def advertise(self) -> None:
        """A campaign has a budget and real costs."""
        campaigns = self.crm.marketing.campaigns
        self.tell("Marketing plans a TV spot and pays for air time.", code='campaigns.plan(name="Spring TV spot", …)')
        spot = campaigns.plan(name="Spring TV spot", network="tv", budget=Money("8000", CNY))
        campaigns.spend(spot, Money("6000", CNY), note="air time")
        self.spot = spot

    def sell(self) -> Customer:
        """From interest to payment."""
        pipeline, show = self.crm.pipeline, self.screen
        self.tell("Xiao Wang has seen it and calls.", code='leads.capture(name="Xiao Wang", campaign=spot, …)')
        lead = pipeline.leads.capture(
            name="Xiao Wang",
            phone="+86 139 1234 5678",
            email="Wang@Example.com",
            campaign=self.spot,
            interest="wedding photos",
        )
        lead = pipeline.leads.qualify(lead)
        wang: Customer
        wang, _, deal = pipeline.leads.convert(lead, amount=Money("10000", CNY), close_on=date(2026, 3, 20))
        show.fact(f"the lead is {pipeline.leads.get(lead.id).stage}: a customer, and a deal of {deal.amount}")
        self.tell("Converting it again makes no sense, and is refused with a reason.", code="leads.convert(lead)")
        try:
            pipeline.leads.convert(lead)
        except TransitionRefused as refusal:
            show.fact(str(refusal))
        self.tell("The deal is won, the album is ordered and paid.", code="opportunities.win(deal) · orders.place(…)")
        deal = pipeline.opportunities.win(pipeline.opportunities.advance(deal, to="proposal"))
        album = Line("Wedding album", quantity=1, unit_price=Money("10000", CNY))
        order = pipeline.orders.place(wang, lines=[album], opportunity=deal)
        pipeline.payments.receive(order, Money("10000", CNY), method="card")
        stage = self.crm.lifecycle.stage_of(wang)
        show.fact(f"the order is {pipeline.orders.get(order.id).status}, and in the life cycle he is a {stage}")
        return wang

    def segment(self, wang: Customer) -> None:
        """One rule: previewed, stored, explained."""
        customers, show = self.crm.customers, self.screen
        li = customers.register(name="Xiao Li", email="li@example.com", birthday=date(1997, 8, 14), tags={"couple"})
        customers.relate(wang, li, kind="partner")
        customers.update(wang, tags={"couple"}, birthday=date(1996, 3, 14))
        rule = F.tags.has("couple") & (F.orders.where(F.status == "paid").within(days=90).count() >= 1)
        self.tell("Which couples have paid in the last 90 days? One rule, tried before it is stored.", code=str(rule))
        show.fact(f"{customers.segments.preview(rule).count} customer")
        customers.segments.define("paying couples", rule=rule)
        change = customers.segments.refresh("paying couples")
        show.fact(f"{change.entered_count} entered the segment, {change.left_count} left")
        self.tell("Why is his partner not in it?", code='segments.explain("paying couples", li)')
        for line in str(customers.segments.explain("paying couples", li)).splitlines():
            show.fact(line)

    def complain(self, wang: Customer) -> None:
        """A promise in business hours, and what happens when it is not kept."""
        service, show = self.crm.service, self.screen
        week = {day: [("09:00", "12:00"), ("13:00", "18:00")] for day in ("mon", "tue", "wed", "thu", "fri")}
        hours = BusinessCalendar(timezone="Asia/Shanghai", hours=week, holidays={date(2026, 4, 6)})
        service.policies.define(
            "standard",
            calendar=hours,
            first_response=timedelta(hours=2),
            resolution=timedelta(hours=8),
            escalations=[{"clock": "first_response", "at": timedelta(0), "notify": "manager@studio.example"}],
        )
        self.tell("Two pictures are not good. An answer is promised within two business hours.", code="cases.open(…)")
        case = service.cases.open(wang, kind="complaint", subject="Two pictures are over-retouched", policy="standard")
        due = "never" if case.first_response_due is None else f"{case.first_response_due.astimezone(ZONE):%H:%M}"
        show.fact(f"it is 9:00 on a Monday; the answer is due at {due}")
        self.tell("Nobody answers. Three hours later the worker looks at what is due.", code="crm.run_due()")
        self.clock.advance(hours=3)
        ran, again = self.crm.run_due().ran, self.crm.run_due().ran
        show.fact(f"{ran} escalation, and {again} when it looks again: exactly once")
        self._deliver()
        self.tell("Now it goes quickly: answered, solved, and the customer gives five points.")
        case = service.cases.reply(service.cases.get(case.id), "We re-edit both pictures today.", by="agent:xu")
        case = service.cases.resolve(case, solution="Re-edited both pictures")
        service.surveys.answer(case, score=5)
        show.fact(f"the case is {service.cases.get(case.id).status}")

    def celebrate(self, wang: Customer) -> None:
        """A journey that waits for a life event, and asks for consent before it writes."""
        crm = self.crm
        self.tell("The next year: a baby is born, and a journey has been waiting for it.", code="journeys.define(…)")
        crm.customers.consents.grant(wang, channel="email", purpose="marketing", source="order form")
        crm.marketing.templates.define(
            "family photos", subject="Congratulations, {{ customer.name }}", body="A family set, half price."
        )
        steps = [{"wait": {"days": 30}}, {"send": "family photos", "channel": "email"}]
        crm.lifecycle.journeys.define("family", on="baby_born", steps=steps)
        crm.lifecycle.record(wang, "baby_born", on=date(2027, 6, 1))
        self.clock.set(datetime(2027, 7, 1, 2, 0, tzinfo=UTC))
        crm.run_due()
        self._deliver()

    def look_back(self, wang: Customer) -> Told:
        """What the spot has brought, and all that is known of the customer."""
        results = self.crm.marketing.campaigns.results(self.spot)
        portrait = self.crm.customers.profile(wang)
        self.tell("What has the spot brought?", code="campaigns.results(spot)")
        self.screen.table(["campaign", "value"], [[k, "" if v is None else v] for k, v in results.facts().items()])
        self.tell("And what is known of Xiao Wang?", code="customers.profile(wang)")
        facts = [[k, v] for section in portrait.sections.values() for k, v in section.items() if v is not None]
        self.screen.table(["360°", "Xiao Wang"], facts)
        return Told(portrait=portrait, results=results, messages=len(self.channel.sent))

    def _deliver(self) -> None:
        known = len(self.channel.sent)
        self.crm.deliver()
        for message in self.channel.sent[known:]:
            self.screen.message(to=message.to, subject=message.subject, body=message.body)


def tell(database: Path, screen: Screen) -> Told:
    """Tell the story, and keep it in *database* as the tenant ``studio``."""
    clock, channel = FrozenClock(MONDAY), MemoryChannel()
    with CRM.open(
        database,
        tenant="studio",
        currency=CNY,
        timezone="Asia/Shanghai",
        clock=clock,
        ids=IdSource(seed=1),
        channels=[channel],
        durable=False,
    ) as crm:
        return Studio(crm, clock, channel, screen).play()
