"""Every reaction that crosses two rooms, in one table: what happens, and what follows in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmkit.customers.consents import ConsentGranted, ConsentRevoked
from crmkit.customers.identity.merge import CustomerRestored, CustomersMerged
from crmkit.customers.people import CustomerRegistered
from crmkit.customers.segments import SegmentEntered, SegmentLeft
from crmkit.kernel.events import Event
from crmkit.kernel.house import Reaction
from crmkit.kernel.work import Work
from crmkit.lifecycle import retention, stages
from crmkit.lifecycle.journeys.definition import JourneyDefined
from crmkit.lifecycle.journeys.runs import JourneySendDue
from crmkit.lifecycle.journeys.walking import event_happened as journeys_begin
from crmkit.lifecycle.loyalty import booking as loyalty
from crmkit.lifecycle.loyalty.ledger import PointsExpired, TierChanged
from crmkit.lifecycle.stages import CustomerLapsed, CustomerWonBack, StageAdvanced
from crmkit.marketing.offers import OfferDeclined, OfferExpired, OfferTaken
from crmkit.marketing.responses import ResponseRecorded
from crmkit.marketing.sending import check_templates, send_for_journey, withdraw_after_revocation
from crmkit.pipeline.activities import about, follow_ups
from crmkit.pipeline.commissions import ledger
from crmkit.pipeline.leads.lead import LeadConverted
from crmkit.pipeline.opportunities.deal import (
    Opportunity,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
)
from crmkit.pipeline.orders.order import Order, OrderCancelled, OrderFulfilled, OrderPaid, OrderPlaced
from crmkit.pipeline.payments import Payment, PaymentReceived, PaymentRefunded
from crmkit.pipeline.receivables import PaymentDueSoon, PaymentOverdue
from crmkit.service.cases.case import Case, CaseAssigned, CaseClosed, CaseOpened, CaseReopened, CaseResolved
from crmkit.service.metrics.times import measure
from crmkit.service.routing import filling as routing
from crmkit.service.solutions import merit, self_help
from crmkit.service.surveys import sending as surveys
from crmkit.service.surveys.answers import SurveyAnswered


def reaches(stage: str) -> Reaction:
    """The customer of the event has come at least to *stage* of the life cycle."""

    def reach(work: Work, happened: Any) -> None:
        stages.reach(work, happened.customer_id, stage)

    return reach


def judged_by_stage_rules(work: Work, happened: OrderPaid) -> None:
    """Whoever has paid may have become loyal by the host's rules."""
    retention.judge(work, happened.customer_id)


def earns_points(work: Work, happened: OrderPaid) -> None:
    """A paid order earns points for the money that came in and stayed, if the house has a programme."""
    program = loyalty.program_of(work)
    if program is not None:
        paid = work.get(Order, happened.order_id).paid
        loyalty.earn_for_order(work, program, order_id=happened.order_id, customer_id=happened.customer_id, paid=paid)


def takes_points_back(work: Work, happened: PaymentRefunded) -> None:
    """A refund takes back the points that the money had earned."""
    loyalty.reverse_for_refund(work, order_id=happened.order_id, left=work.get(Order, happened.order_id).paid)


def earns_commission(work: Work, happened: PaymentReceived) -> None:
    """Who sold an order earns by the money that comes in for it."""
    ledger.earn_by_payment(work, work.get(Payment, happened.payment_id))


def takes_commission_back(work: Work, happened: PaymentRefunded) -> None:
    """Money that goes back takes with it what it had earned."""
    ledger.reverse_by_refund(work, work.get(Payment, happened.payment_id))


def drafts_commission(work: Work, happened: OpportunityWon) -> None:
    """Who won a deal earns by it."""
    ledger.earn_by_deal(work, work.get(Opportunity, happened.opportunity_id))


def cancels_commission(work: Work, happened: OpportunityReopened) -> None:
    """A deal that is open again has earned nothing yet."""
    ledger.reverse_by_reopening(work, work.get(Opportunity, happened.opportunity_id))


def plans_follow_ups(work: Work, happened: OpportunityWon) -> None:
    """What the host wants to be done after a win is planned."""
    follow_ups.plan_follow_ups(work, work.get(Opportunity, happened.opportunity_id))


def drops_follow_ups(work: Work, happened: OpportunityReopened) -> None:
    """What was planned for a win is not to be done before it is won again."""
    follow_ups.drop_follow_ups(work, work.get(Opportunity, happened.opportunity_id))


def asks_the_winner(work: Work, happened: OpportunityWon) -> None:
    """A survey that is sent after wins is due."""
    surveys.after_winning(work, happened.opportunity_id)


def activities_follow(work: Work, happened: CustomersMerged) -> None:
    """What was done for somebody is about the customer as whom he goes on."""
    about.follow(work, merged=happened.merged_id, kept=happened.customer_id)


def activities_go_back(work: Work, happened: CustomerRestored) -> None:
    """And about himself, when he is there again."""
    about.go_back(work, restored=happened.customer_id, kept=happened.kept_id)


def judges_tiers(work: Work, happened: CustomersMerged) -> None:
    """Points of two customers are points of one, who may have a higher tier by them."""
    loyalty.judge_again(work, [happened.customer_id])


def judges_tiers_again(work: Work, happened: CustomerRestored) -> None:
    """And when they are two again, each has the tier of his own points."""
    loyalty.judge_again(work, [happened.kept_id, happened.customer_id])


def hands_out_what_waits(work: Work, happened: CaseResolved | CaseClosed) -> None:
    """Whoever had the case has room again."""
    routing.after_the_end(work, happened.case_id)


def measures_how_long_it_took(work: Work, happened: CaseResolved | CaseClosed) -> None:
    """A case that ends is measured, for the figures of customer service."""
    measure(work, work.get(Case, happened.case_id))


def asks_how_it_was(work: Work, happened: CaseResolved) -> None:
    """A survey that is sent after resolutions is due."""
    surveys.after_resolution(work, happened.case_id, cycle=happened.cycle)


REACTIONS: Mapping[type[Event], tuple[Reaction, ...]] = {
    # ── Sales move the life cycle; on its events journeys begin, and the runs that wait for them wake up. ──
    LeadConverted: (reaches("qualified"), journeys_begin),
    OpportunityOpened: (reaches("opportunity"), journeys_begin),
    OpportunityWon: (
        reaches("customer"),
        drafts_commission,
        asks_the_winner,
        plans_follow_ups,
        journeys_begin,
    ),
    OpportunityLost: (journeys_begin,),
    OpportunityReopened: (cancels_commission, drops_follow_ups, journeys_begin),
    OrderPlaced: (journeys_begin,),
    OrderPaid: (reaches("customer"), judged_by_stage_rules, earns_points, journeys_begin),
    PaymentDueSoon: (journeys_begin,),
    PaymentOverdue: (journeys_begin,),
    OrderFulfilled: (journeys_begin,),
    OrderCancelled: (journeys_begin,),
    PaymentReceived: (earns_commission, journeys_begin),
    PaymentRefunded: (
        takes_points_back,
        takes_commission_back,
        journeys_begin,
    ),
    # ── What happens with customers and their stages begins journeys, too. ──
    CustomerRegistered: (journeys_begin,),
    CustomersMerged: (activities_follow, judges_tiers),
    CustomerRestored: (activities_go_back, judges_tiers_again),
    ConsentGranted: (journeys_begin,),
    ConsentRevoked: (withdraw_after_revocation, journeys_begin),
    SegmentEntered: (journeys_begin,),
    SegmentLeft: (journeys_begin,),
    StageAdvanced: (journeys_begin,),
    CustomerLapsed: (journeys_begin,),
    CustomerWonBack: (journeys_begin,),
    TierChanged: (journeys_begin,),
    PointsExpired: (journeys_begin,),
    # ── So does what they do with messages and offers. ──
    ResponseRecorded: (journeys_begin,),
    OfferTaken: (journeys_begin,),
    OfferDeclined: (journeys_begin,),
    OfferExpired: (journeys_begin,),
    # ── A case that ends is measured, customers are asked how it was, and it makes room for the next. ──
    CaseOpened: (self_help.after_opening,),
    CaseAssigned: (routing.after_handing_over,),
    CaseReopened: (routing.after_reopening,),
    SurveyAnswered: (merit.answered,),
    CaseResolved: (measures_how_long_it_took, asks_how_it_was, hands_out_what_waits),
    CaseClosed: (measures_how_long_it_took, hands_out_what_waits),
    # ── Marketing writes the messages that journeys want to send. ──
    JourneyDefined: (check_templates,),
    JourneySendDue: (send_for_journey,),
}
