"""What stands in the way of a move: everything that is missing is said at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from crmkit.errors import InvalidInput
from crmkit.kernel.machine import Machine
from crmkit.kernel.rules import AsOf
from crmkit.kernel.rules.explain import Explainer
from crmkit.kernel.satisfying import neighbours
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.opportunities.approvals import approved
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.stages.definition import SalesPipeline, Stage


def guard_open(deal: Opportunity, begins: Stage) -> None:
    """Refuse to open *deal* in a stage whose demands it does not meet.

    Raises:
        InvalidInput: with everything that is missing.
    """
    reasons = [*_missing(deal, begins.requires, before=f"it begins in {begins.name}")]
    if begins.gate is not None:
        reasons.append(f"it needs the approval of {begins.gate}: open it in an earlier stage")
    if reasons:
        raise InvalidInput(f"the opportunity {deal.name!r} cannot begin in {begins.name}: {'; '.join(reasons)}")


def guard_update(deal: Opportunity, here: Stage, fields: Iterable[str]) -> None:
    """Refuse to take away what the stage of a deal asks for.

    Raises:
        InvalidInput: with everything that would be missing.
    """
    gone = [*_missing(deal, sorted(set(here.requires).intersection(fields)), before=f"it is in {here.name}")]
    if gone:
        raise InvalidInput(f"the opportunity {deal.id} cannot lose that: {'; '.join(gone)}")


def guard_advance(
    work: Work, deal: Opportunity, *, process: SalesPipeline, machine: Machine, to: Stage, changes: dict[str, Any]
) -> None:
    """Refuse to bring *deal* to the stage *to* while something is missing.

    Raises:
        TransitionRefused: with every reason.
    """
    seen = deal.evolve(**changes)
    forward = deal.stage not in process or process.order[to.name] > process.order[deal.stage]
    reasons = [*_missing(seen, to.requires, before=f"it enters {to.name}"), *_ungated(work, seen, to)]
    if forward:
        reasons += _held_back(work, seen, process)
    if reasons:
        raise machine.refusal(deal.stage, f"move to {to.name}", *reasons)


def guard_win(
    work: Work, deal: Opportunity, *, process: SalesPipeline, machine: Machine, changes: dict[str, Any]
) -> None:
    """Refuse to win *deal* while something is missing.

    Raises:
        TransitionRefused: with every reason.
    """
    if deal.is_open:
        seen = deal.evolve(**changes)
        reasons = [*_missing(seen, process.to_win, before="it is won"), *_held_back(work, seen, process)]
        if reasons:
            raise machine.refusal(deal.stage, "win", *reasons)


def guard_lose(process: SalesPipeline, *, reason: str, note: str | None) -> None:
    """Refuse reasons that the pipeline does not know.

    Raises:
        InvalidInput: the reason is not one of those, or it is "other" and there is no note.
    """
    if not process.lost_reasons or not reason:
        return
    if reason not in process.lost_reasons:
        near = nearest(reason, process.lost_reasons)
        hint = f"did you mean {near!r}?" if near else f"it is one of {', '.join(process.lost_reasons)}"
        raise InvalidInput(f"{reason!r} is no reason to lose in the pipeline {process.name}: {hint}")
    if reason.lower() == "other" and not note:
        raise InvalidInput("the reason 'other' needs a note= that tells more")


def _missing(deal: Opportunity, fields: Iterable[str], *, before: str) -> Iterator[str]:
    for name in fields:
        if _value(deal, name) in {None, "", frozenset()}:
            yield f"it needs {name} before {before}"


def _value(deal: Opportunity, name: str) -> Any:
    if not name.startswith("extra."):
        return getattr(deal, name)
    _, key, field = name.split(".")
    return deal.extras.get(key, {}).get(field)


def _ungated(work: Work, deal: Opportunity, to: Stage) -> Iterator[str]:
    if to.gate is not None and not approved(work, deal, gate=to.gate):
        yield f"it needs the approval of {to.gate} for this amount before it enters {to.name}"


def _held_back(work: Work, deal: Opportunity, process: SalesPipeline) -> Iterator[str]:
    rule = process[deal.stage].exit if deal.stage in process else None
    if rule is None:
        return
    work.plan(Opportunity, rule)  # refuses names that lead nowhere any more
    explainer = Explainer(
        schema=Opportunity.__schema__,
        registry=work.house.registry,
        as_of=AsOf(at=work.now, zone=work.settings.zone),
        neighbours=lambda relation, row: neighbours(work, relation, row),
    )
    explanation = explainer.explain(rule, deal)
    if not explanation.matches:
        yield f"what {deal.stage} asks for before a deal leaves it does not hold: {explanation}"
