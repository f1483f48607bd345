"""Kinds of cases: each moves by a machine of its own, whose stages stand for one of four states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from crmkit.errors import DefinitionError, Duplicate, InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, Move, on
from crmkit.kernel.text import nearest

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

Status = Literal["open", "waiting", "resolved", "closed"]
STATUSES: Final = ("open", "waiting", "resolved", "closed")
CLOSED: Final = "closed"


@attrs.frozen(kw_only=True)
class Kind:
    """A kind of case.

    Attributes:
        name: as in ``complaint``.
        machine: how its cases move; it has a stage ``closed``, and ``merge`` leads there from everywhere.
        statuses: what its stages stand for: ``open``, ``waiting``, ``resolved`` or ``closed``.  A stage that is called
            like one stands for it, every other one stands for ``open``.
        lines: whether each line of such a case (a thing that is repaired, a thing that comes back) needs an outcome
            before the case can be resolved.

    Example:
        >>> repair = KINDS["repair"]
        >>> repair.machine.initial, [repair.status(stage) for stage in ("diagnosed", "quoted", "returned")]
        ('registered', ['open', 'waiting', 'resolved'])
    """

    name: str
    machine: Machine
    statuses: Mapping[str, Status] = attrs.field(factory=dict)
    lines: bool = False

    def status(self, stage: str) -> Status:
        """What *stage* stands for."""
        plain: Status = stage if stage in STATUSES else "open"  # type: ignore[assignment]
        return self.statuses.get(stage, plain)


def _kind(
    name: str, initial: str, *table: tuple[Move, ...], statuses: Mapping[str, Status] | None = None, lines: bool = False
) -> Kind:
    stages = {initial} | {s for moves in table for m in moves for s in (m.source, m.target)}
    machine = Machine(
        f"{name.replace('_', ' ')} case",
        initial=initial,
        final={CLOSED},
        table=(*table, on("merge", stages - {CLOSED}, CLOSED)),
    )
    return Kind(name=name, machine=machine, statuses=statuses or {}, lines=lines)


QUESTION = _kind(
    "question",
    "open",
    on("wait", "open", "waiting"),
    on("resume", "waiting", "open"),
    on("resolve", {"open", "waiting"}, "resolved"),
    on("close", {"open", "waiting", "resolved"}, CLOSED),
    on("reopen", {"resolved", CLOSED}, "open"),
)

COMPLAINT = _kind(
    "complaint",
    "registered",
    on("investigate", "registered", "investigating"),
    on("propose", {"registered", "investigating"}, "proposed"),
    on("decline", "proposed", "investigating"),
    on("wait", {"registered", "investigating"}, "waiting"),
    on("resume", {"waiting", "proposed"}, "investigating"),
    on("resolve", {"registered", "investigating", "waiting", "proposed"}, "settled"),
    on("close", {"registered", "investigating", "waiting", "proposed", "settled"}, CLOSED),
    on("reopen", {"settled", CLOSED}, "investigating"),
    statuses={"proposed": "waiting", "settled": "resolved"},
)

REPAIR = _kind(
    "repair",
    "registered",
    on("await item", "registered", "awaiting item"),
    on("receive", {"registered", "awaiting item"}, "received"),
    on("diagnose", "received", "diagnosed"),
    on("quote", "diagnosed", "quoted"),
    on("repair", {"diagnosed", "quoted"}, "repairing"),
    on("order parts", "repairing", "awaiting parts"),
    on("parts arrived", "awaiting parts", "repairing"),
    on("finish", "repairing", "repaired"),
    on("decline", {"diagnosed", "quoted"}, "declined"),
    on("resolve", {"registered", "repaired", "declined"}, "returned"),
    on("close", {"registered", "awaiting item", "returned"}, CLOSED),
    on("reopen", {"returned", CLOSED}, "registered"),
    statuses={"awaiting item": "waiting", "quoted": "waiting", "awaiting parts": "waiting", "returned": "resolved"},
    lines=True,
)

RETURN = _kind(
    "return",
    "requested",
    on("authorize", "requested", "authorized"),
    on("receive", {"requested", "authorized"}, "received"),
    on("inspect", "received", "inspected"),
    on("reject", {"requested", "inspected"}, "rejected"),
    on("withdraw", {"requested", "authorized"}, "withdrawn"),
    on("resolve", {"inspected", "rejected"}, "processed"),
    on("close", {"processed", "withdrawn", "rejected"}, CLOSED),
    on("reopen", {"processed", "withdrawn", CLOSED}, "requested"),
    statuses={"authorized": "waiting", "processed": "resolved", "withdrawn": "resolved"},
    lines=True,
)

EXCHANGE = _kind(
    "exchange",
    "requested",
    on("authorize", "requested", "authorized"),
    on("receive", {"requested", "authorized"}, "received"),
    on("inspect", "received", "inspected"),
    on("ship", {"authorized", "inspected"}, "shipped"),
    on("reject", {"requested", "inspected"}, "rejected"),
    on("withdraw", {"requested", "authorized"}, "withdrawn"),
    on("resolve", {"shipped", "rejected"}, "exchanged"),
    on("close", {"exchanged", "withdrawn", "rejected"}, CLOSED),
    on("reopen", {"exchanged", "withdrawn", CLOSED}, "requested"),
    statuses={"authorized": "waiting", "shipped": "waiting", "exchanged": "resolved", "withdrawn": "resolved"},
    lines=True,
)

FEEDBACK = _kind(
    "feedback",
    "received",
    on("acknowledge", "received", "acknowledged"),
    on("wait", {"received", "acknowledged"}, "waiting"),
    on("resume", "waiting", "acknowledged"),
    on("resolve", {"received", "acknowledged", "waiting"}, "resolved"),
    on("close", {"received", "acknowledged", "waiting", "resolved"}, CLOSED),
    on("reopen", {"resolved", CLOSED}, "acknowledged"),
)

MARKET_RESEARCH = _kind(
    "market_research",
    "planned",
    on("invite", "planned", "invited"),
    on("resume", "invited", "answered"),
    on("answer", {"planned", "invited"}, "answered"),
    on("decline", {"planned", "invited"}, "declined"),
    on("resolve", {"planned", "answered"}, "evaluated"),
    on("close", {"planned", "invited", "evaluated", "declined"}, CLOSED),
    on("reopen", {"evaluated", "declined", CLOSED}, "planned"),
    statuses={"invited": "waiting", "evaluated": "resolved", "declined": "resolved"},
)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {k.name: k for k in (QUESTION, COMPLAINT, REPAIR, RETURN, EXCHANGE, FEEDBACK, MARKET_RESEARCH)}
)
MACHINES: Final[Mapping[str, Machine]] = MappingProxyType({f"case_{k.name}": k.machine for k in KINDS.values()})


@entity("case_kind", prefix="knd")
class CaseKind(Entity):
    """A kind of case that the host has defined.

    Attributes:
        machine: the machine as JSON.
        statuses: what its stages stand for.
    """

    name: str = attribute(unique=True)
    machine: Mapping[str, Any] = attribute()
    statuses: Mapping[str, Any] = attribute(factory=dict)
    lines: bool = attribute(default=False)

    def read(self) -> Kind:
        """The kind."""
        machine = Machine.from_json(self.machine)
        return Kind(name=self.name, machine=machine, statuses=dict(self.statuses), lines=self.lines)


@event("service.case_kind_defined")
class CaseKindDefined(Event):
    """There is a kind of case that crmkit does not bring along."""

    case_kind_id: str
    name: str


class Kinds(Collection[CaseKind]):
    """What ``crm.service.kinds`` offers: kinds of cases beside those that crmkit brings along."""

    cls = CaseKind

    def define(
        self, name: str, *, machine: Machine, statuses: Mapping[str, Status] | None = None, lines: bool = False
    ) -> CaseKind:
        """Add a kind of case.

        Args:
            name: the domain word.
            machine: how such cases move.  Its field is ``stage``; it has a final stage ``closed`` and knows ``resolve``
                and ``close``, and ``reopen`` if such cases may come back.  Guards are not stored.
            statuses: by stage, ``open``, ``waiting``, ``resolved`` or ``closed``; a stage with such a name stands for
                it, every other one for ``open``.
            lines: whether each line needs an outcome before the case is resolved.

        Raises:
            DefinitionError: the machine lacks something, or a stage or status is unknown.
            Duplicate: there is such a kind.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.kernel.machine import Machine, on
            >>> visit = Machine(
            ...     "visit",
            ...     initial="asked",
            ...     final={"closed"},
            ...     table=(on("go", "asked", "there"), on("resolve", "there", "done"), on("close", "done", "closed")),
            ... )
            >>> with CRM.open() as crm:
            ...     _ = crm.service.kinds.define("visit", machine=visit, statuses={"done": "resolved"})
            ...     ann = crm.customers.register(name="Ann")
            ...     crm.service.cases.open(ann, kind="visit", subject="Come and look").stage
            'asked'
        """
        if name in KINDS:
            raise Duplicate(f"crmkit brings the kind {name!r} along; replace its machine with CRM.open(machines=…)")
        checked = _checked(name, machine, statuses or {})
        with self.work() as work:
            kind = work.new(CaseKind, name=name, machine=checked.to_json(), statuses=dict(statuses or {}), lines=lines)
            return work.save(Change(kind, (CaseKindDefined(case_kind_id=kind.id, name=kind.name),)))

    def names(self) -> list[str]:
        """Every kind that a case may have.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     crm.service.kinds.names()
            ['complaint', 'exchange', 'feedback', 'market_research', 'question', 'repair', 'return']
        """
        with self.read() as work:
            return _names(work)


def _checked(name: str, machine: Machine, statuses: Mapping[str, Status]) -> Machine:
    if machine.field != "stage" or CLOSED not in machine.states:
        raise DefinitionError(f"the machine of {name} moves the field 'stage' and has a stage 'closed'")
    known = {m.trigger for m in machine.moves}
    missing = sorted({"resolve", "close"} - known)
    if missing:
        raise DefinitionError(f"the machine of {name} has no {missing[0]!r}")
    if any(m.when for m in machine.moves):
        raise DefinitionError(f"the machine of {name} has guards, which cannot be stored; leave them out")
    for stage, status in statuses.items():
        if stage not in machine.states or status not in STATUSES:
            raise DefinitionError(
                f"statuses of {name}: {stage!r} is a stage out of {', '.join(machine.states)} and stands for one of "
                f"{', '.join(STATUSES)}, got {status!r}"
            )
    if "merge" in known:
        return machine
    return machine.with_moves(on("merge", set(machine.states) - {CLOSED}, CLOSED))


def _names(work: Work) -> list[str]:
    return sorted([*KINDS, *(name for (name,) in work.columns(CaseKind, ["name"]))])


def kind_of(work: Work, name: str) -> Kind:
    """The kind called *name*, with the machine that it has in this CRM.

    Raises:
        InvalidInput: there is none; the message names the nearest.
    """
    shipped = KINDS.get(name)
    if shipped is not None:
        return attrs.evolve(shipped, machine=work.machine(f"case_{name}"))
    found = work.called(CaseKind, name)
    if found is None:
        known = _names(work)
        near = nearest(str(name), known)
        hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}"
        raise InvalidInput(f"there is no kind of case {name!r}: {hint}")
    return found.read()


def stages_of(kinds: Iterable[Kind], status: Status) -> set[str]:
    """Every stage of *kinds* that stands for *status*."""
    return {stage for kind in kinds for stage in kind.machine.states if kind.status(stage) == status}
