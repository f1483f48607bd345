"""Walking: how runs begin, take their steps, wait and end.  Every step is an agenda item of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from crmkit.customers.people import Customer
from crmkit.kernel.agenda import AgendaItem
from crmkit.kernel.change import Change
from crmkit.kernel.events import Event
from crmkit.kernel.rules import F
from crmkit.kernel.rules.specs import from_json
from crmkit.kernel.work import Work
from crmkit.lifecycle.journeys.definition import Journey
from crmkit.lifecycle.journeys.runs import JourneyBegun, JourneyRun, JourneySendDue, ended
from crmkit.lifecycle.journeys.steps import Branch, Exit, Node, Send, WaitFor, walk

STEP = "lifecycle.journey_step"


def event_happened(work: Work, event: Event) -> None:
    """Begin the journeys that begin on an event of the CRM: the reaction to all events on which journeys can."""
    if event.event_name in _heard(work) and event.customer is not None:
        begin(work, on=event.event_name, customer_id=event.customer, about=event.subject, at=work.now)


def begin(
    work: Work, *, on: str, customer_id: str, about: str, at: datetime, only: str | None = None
) -> list[JourneyRun]:
    """Let a customer enter the journeys that begin on *on*, and wake the runs that wait for it.

    Args:
        work: the transaction in which it happened.
        on: the life event's name, or the event's.
        customer_id: to whom it happened.
        about: the id of what it is about.
        at: the moment from which waits are counted.
        only: the id of the one journey that is meant; nobody is woken then.
    """
    if on not in _heard(work):
        return []
    if only is None:
        _wake(work, on=on, customer_id=customer_id)
    listening = (F.on == on) & (F.status == "active")
    journeys = work.find(Journey, listening if only is None else listening & (F.id == only))
    fresh = [j for j in journeys if j.within_days is None or at >= work.now - timedelta(days=j.within_days)]
    return [_enter(work, j, customer_id, about, at) for j in fresh if _may_enter(work, j, customer_id, about)]


HEARD = "lifecycle.journeys.heard"


def _heard(work: Work) -> frozenset[str]:
    """Everything to which active journeys listen, looked up once in a transaction: bulk work stays cheap."""
    if HEARD not in work.memo:
        active = work.find(Journey, F.status == "active")
        work.memo[HEARD] = frozenset(name for journey in active for name in journey.listens)
    heard: frozenset[str] = work.memo[HEARD]
    return heard


def save_journey(work: Work, change: Change[Journey]) -> Journey:
    """Store a journey; what it listens to is looked up anew."""
    work.memo.pop(HEARD, None)
    return work.save(change)


def _may_enter(work: Work, journey: Journey, customer_id: str, about: str) -> bool:
    before = (F.journey_id == journey.id) & (F.customer_id == customer_id)
    match journey.again:
        case "per_subject":
            before &= F.about == about
        case "after_end":
            before &= F.status.in_(["running", "held"])
    if journey.again != "always" and work.first(JourneyRun, before) is not None:
        return False
    return journey.rule is None or satisfies(work, customer_id, journey.rule)


def _enter(work: Work, journey: Journey, customer_id: str, about: str, at: datetime) -> JourneyRun:
    run = work.new(
        JourneyRun,
        journey_id=journey.id,
        customer_id=customer_id,
        edition=journey.edition,
        about=about,
        status_since=work.now,
    )
    begun = JourneyBegun(run_id=run.id, customer_id=customer_id, journey=journey.name, about=about)
    first, due_at = walk(journey.program(), "1", since=at, zone=work.settings.zone)
    return _go_on(work, journey, Change(run, (begun,)), first, due_at)


def satisfies(work: Work, customer_id: str, rule: Any) -> bool:
    """Whether a customer satisfies a rule that is kept as JSON."""
    return work.count(Customer, (F.id == customer_id) & from_json(rule)) == 1


def _go_on(work: Work, journey: Journey, change: Change[JourneyRun], label: str | None, due_at: datetime) -> JourneyRun:
    """Plan the step *label*, or end the run if there is none."""
    run = change.after
    if label is None:
        step = work.machine("journey_run").step(run, "finish", now=work.now, changes=_NOWHERE)
        return work.save(ended(Change(step.after, (*change.events, *step.events)), journey=journey.name))
    planned = run.evolve(step=label, due_at=due_at, moves=run.moves + 1, waiting_for=None)
    saved = work.save(Change(planned, change.events))
    plan(work, saved, due_at=due_at)
    return saved


_NOWHERE = {"step": None, "due_at": None, "waiting_for": None}


def plan(work: Work, run: JourneyRun, *, due_at: datetime) -> None:
    """Write the next step of *run* into the agenda."""
    work.schedule(STEP, due_at=due_at, subject=run.id, key=f"{STEP}:{run.id}:{run.moves}", payload={"move": run.moves})


def take_step(work: Work, item: AgendaItem) -> None:
    """What the agenda calls when a step is due; it looks first whether the step is still to be taken."""
    run = work.get(JourneyRun, item.subject)
    if run.status != "running" or run.moves != item.payload["move"] or run.step is None:
        return
    journey = work.get(Journey, run.journey_id)
    if journey.status == "paused":
        work.save(work.machine("journey_run").step(run, "hold", now=work.now))
    elif journey.leave_when is not None and satisfies(work, run.customer_id, journey.leave_when):
        leave(work, run, journey, reason="the journey's leave_when is satisfied")
    else:
        _take(work, journey, run, journey.program(run.edition)[run.step])


def _take(work: Work, journey: Journey, run: JourneyRun, node: Node) -> None:
    match node.step:
        case Exit(exit=reason):
            leave(work, run, journey, reason=reason)
        case Branch(rule=rule):
            _follow(work, journey, run, node.next if satisfies(work, run.customer_id, rule) else node.otherwise)
        case WaitFor() as wait:
            if run.waiting_for is None:
                _park(work, run, wait)
            else:
                _follow(work, journey, run, node.otherwise)
        case Send() as send:
            work.emit(_send_due(journey, run, node.label, send))
            _follow(work, journey, run, node.next)


def _send_due(journey: Journey, run: JourneyRun, label: str, send: Send) -> JourneySendDue:
    return JourneySendDue(
        run_id=run.id,
        customer_id=run.customer_id,
        journey=journey.name,
        step=label,
        template=send.send,
        channel=send.channel,
        purpose=send.purpose,
        about=run.about,
        key=f"{run.id}:{run.moves}",
    )


def _follow(work: Work, journey: Journey, run: JourneyRun, label: str | None, *, at: datetime | None = None) -> None:
    since = at or run.due_at or work.now
    upcoming, due_at = walk(journey.program(run.edition), label, since=since, zone=work.settings.zone)
    _go_on(work, journey, Change(run), upcoming, due_at)


def _park(work: Work, run: JourneyRun, wait: WaitFor) -> None:
    until = wait.up_to.after(run.due_at or work.now, work.settings.zone)
    parked = run.evolve(waiting_for=wait.wait_for, due_at=until, moves=run.moves + 1)
    plan(work, work.save(Change(parked)), due_at=until)


def _wake(work: Work, *, on: str, customer_id: str) -> None:
    waiting = (F.customer_id == customer_id) & (F.waiting_for == on) & (F.status == "running")
    for run in work.find(JourneyRun, waiting):
        journey = work.get(Journey, run.journey_id)
        if journey.status == "active" and run.step is not None:
            node = journey.program(run.edition)[run.step]
            work.cancel(run.id, kind=STEP)
            _follow(work, journey, run, node.next, at=work.now)


def leave(work: Work, run: JourneyRun, journey: Journey, *, reason: str) -> JourneyRun:
    """End a run before its last step."""
    changes = {**_NOWHERE, "reason": reason}
    step = work.machine("journey_run").step(run, "leave", now=work.now, changes=changes, reason=reason)
    work.cancel(run.id, kind=STEP)
    return work.save(ended(step, journey=journey.name, reason=reason))
