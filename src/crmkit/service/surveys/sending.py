"""Sending: what the agenda does when a survey is due."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from crmkit.customers.people import Customer
from crmkit.kernel.rules import F, nodes
from crmkit.kernel.rules.specs import from_json
from crmkit.service.cases.case import Case
from crmkit.service.surveys.answers import SurveyAnswer
from crmkit.service.surveys.asking import ASK, ASK_WINNER, ROUND, Asking
from crmkit.service.surveys.invitations import invite

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.entity import Record
    from crmkit.kernel.rules import Rule
    from crmkit.kernel.work import Work

BATCH: Final = 500


def after_resolution(work: Work, case_id: str, *, cycle: int) -> None:
    """Write down that a customer is to be asked about a resolution."""
    for asking in work.find(Asking, (F.occasion == "resolution") & (F.active == True)):  # noqa: E712 - a rule is built
        work.schedule(
            ASK,
            due_at=work.now + asking.delay,
            subject=case_id,
            key=f"{ASK}/{asking.id}/{case_id}/{cycle}",
            payload={"asking": asking.id, "cycle": cycle},
        )


def ask(work: Work, item: AgendaItem) -> None:
    """Ask about a resolution, if the case has not gone on since, and nobody has noted an answer meanwhile."""
    asking, case = work.get(Asking, item.payload["asking"]), work.get(Case, item.subject)
    cycle = item.payload["cycle"]
    if not asking.active or case.merged_into_id is not None or not case.ended or case.resolutions != cycle:
        return
    if not work.count(Case, (F.id == case.id) & _condition(asking)):
        return
    if not work.count(SurveyAnswer, F.key == key_of(asking.survey_id, case, cycle)):
        invite(work, asking, work.get(Customer, case.customer_id), key=item.key, case=case)


def after_winning(work: Work, deal_id: str) -> None:
    """Write down that a customer is to be asked about a deal that was won."""
    for asking in work.find(Asking, (F.occasion == "win") & (F.active == True)):  # noqa: E712 - a rule is built
        work.schedule(
            ASK_WINNER,
            due_at=work.now + asking.delay,
            subject=deal_id,
            key=f"{ASK_WINNER}/{asking.id}/{deal_id}/{work.now.isoformat()}",
            payload={"asking": asking.id},
        )


def ask_winner(work: Work, item: AgendaItem) -> None:
    """Ask about a win, once for each deal, if it is still won."""
    asking = work.get(Asking, item.payload["asking"])
    deals = deals_of(work)
    still = (F.id == item.subject) & (F.stage == "won") & _condition(asking)
    deal: Any = work.first(deals, still) if asking.active else None
    if deal is not None:
        invite(work, asking, work.get(Customer, deal.customer_id), key=f"{ASK_WINNER}/{asking.id}/{deal.id}")


def deals_of(work: Work) -> type[Record]:
    """The class of deals, which another room declares."""
    return work.house.registry.schema("opportunity").cls


def key_of(survey_id: str, case: Case, cycle: int) -> str:
    """What about a case can be answered once."""
    return f"{survey_id}:{case.id}:{cycle}"


def plan_round(work: Work, asking: Asking, *, due_at: datetime, began: datetime, after: str | None = None) -> None:
    """Write down a round, or the next part of one."""
    work.schedule(
        ROUND,
        due_at=due_at,
        subject=asking.id,
        key=f"{ROUND}/{asking.id}/{began.isoformat()}/{after or ''}",
        payload={"began": began.isoformat(), "after": after},
    )


def ask_round(work: Work, item: AgendaItem) -> None:
    """Ask the next customers of a round; the round after it begins one period after this one."""
    asking = work.get(Asking, item.subject)
    if not asking.active or asking.every is None:
        return
    began, last = datetime.fromisoformat(item.payload["began"]), item.payload["after"]
    seen = None if last is None else (last,)
    found = work.find(Customer, _condition(asking), order_by="id", limit=BATCH, after=seen)
    for customer in found:
        invite(work, asking, customer, key=f"{ROUND}/{asking.id}/{began.isoformat()}/{customer.id}")
    if len(found) == BATCH:
        plan_round(work, asking, due_at=work.now, began=began, after=found[-1].id)
    else:
        following = max(began + asking.every, work.now)
        plan_round(work, asking, due_at=following, began=following)


def _condition(asking: Asking) -> Rule:
    return nodes.Always(value=True) if asking.rule is None else from_json(asking.rule)
