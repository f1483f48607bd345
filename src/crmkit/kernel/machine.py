"""State machines: immutable tables that can be read, printed, checked, changed and stored.

>>> from crmkit.kernel.machine import Machine, on
>>> door = Machine(
...     "door",
...     initial="closed",
...     final={"walled up"},
...     table=(
...         on("open", "closed", "open"),
...         on("close", "open", "closed"),
...         on("wall up", "closed", "walled up", needs="reason"),
...     ),
... )
>>> door.target("closed", "open")
'open'
>>> door.offers("closed")
('open', 'wall up')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import attrs

from crmkit.errors import DefinitionError, InvalidInput, TransitionRefused
from crmkit.kernel.change import Change
from crmkit.kernel.entity import Entity
from crmkit.kernel.render import table_html, table_md
from crmkit.kernel.stays import Moved
from crmkit.kernel.text import nearest

Guard = Callable[[Any], str | None]
E = TypeVar("E", bound=Entity)


@attrs.frozen
class Move:
    """One line of a machine: on *trigger*, from *source* to *target*.

    Attributes:
        when: guards; each is given the subject and answers ``None``, or the reason why not.
        needs: facts that must be given with the trigger (a reason, an amount …).
    """

    trigger: str
    source: str
    target: str
    when: tuple[Guard, ...] = ()
    needs: tuple[str, ...] = ()


def on(
    trigger: str,
    source: str | Iterable[str],
    target: str,
    *,
    when: Guard | tuple[Guard, ...] = (),
    needs: str | tuple[str, ...] = (),
) -> tuple[Move, ...]:
    """The moves of *trigger* from one or several states to *target*."""
    sources = (source,) if isinstance(source, str) else tuple(sorted(source))
    guards = when if isinstance(when, tuple) else (when,)
    facts = (needs,) if isinstance(needs, str) else needs
    return tuple(Move(trigger, state, target, guards, facts) for state in sources)


@attrs.frozen(init=False, eq=False, repr=False)
class Machine:
    """How one kind of thing moves from state to state.

    Args:
        name: the domain word, as in "cannot convert a *lead* that is new".
        initial: the state in which a subject begins.
        final: the states in which it may end; every other state must have a way out.
        table: the moves, as :func:`on` makes them.
        field: the attribute of the entity that holds the state; ``<field>_since`` holds the moment of entering it.
        labels: how states are called in print.

    Raises:
        DefinitionError: an unknown, unreachable or dead-end state, or two moves for one trigger in a state.
    """

    name: str
    initial: str
    final: frozenset[str]
    moves: tuple[Move, ...]
    field: str
    labels: Mapping[str, str]
    states: tuple[str, ...]
    _by_key: Mapping[tuple[str, str], Move]

    def __init__(
        self,
        name: str,
        *,
        initial: str,
        final: Iterable[str] = (),
        table: Iterable[tuple[Move, ...]] | Iterable[Move] = (),
        field: str = "stage",
        labels: Mapping[str, str] | None = None,
    ) -> None:
        moves = tuple(_flat(table))
        states = tuple(dict.fromkeys([initial, *(s for m in moves for s in (m.source, m.target))]))
        by_key = {(m.source, m.trigger): m for m in moves}
        self.__attrs_init__(name, initial, frozenset(final), moves, field, dict(labels or {}), states, by_key)
        self._validate()

    def _validate(self) -> None:
        where = f"machine {self.name}"
        unknown = sorted(self.final - set(self.states)) or sorted(self.labels.keys() - set(self.states))
        if unknown:
            raise DefinitionError(f"{where}: no move leads to or from {unknown[0]!r}; states are {self.states}")
        if len(self._by_key) != len(self.moves):
            twice = next(m for m in self.moves if self._by_key[m.source, m.trigger] is not m)
            raise DefinitionError(f"{where}: two moves for {twice.trigger!r} from {twice.source!r}; keep one")
        reached = reachable(self.initial, self.moves)
        unreachable = [s for s in self.states if s not in reached]
        if unreachable:
            raise DefinitionError(f"{where}: {unreachable[0]!r} cannot be reached from {self.initial!r}")
        leaving = {m.source for m in self.moves}
        stuck = [s for s in self.states if s not in leaving and s not in self.final]
        if stuck:
            raise DefinitionError(f"{where}: {stuck[0]!r} is a dead end; give it a way out or declare it final")

    def target(self, state: str, trigger: str, subject: Any = None, /, **facts: Any) -> str:
        """The state that *trigger* leads to from *state*.

        Args:
            state: where the subject is.
            trigger: what should happen.
            subject: what the guards judge.
            facts: what is given with the trigger; a fact that the move needs and that is missing is a refusal.

        Raises:
            TransitionRefused: the move does not exist or a guard says no; it lists every reason and what is allowed.
        """
        move = self._by_key.get((state, trigger))
        if move is None or move.when or move.needs:
            reasons = self._objections(move, state, trigger, subject, facts)
            if move is None or reasons:
                raise self.refusal(state, trigger, *reasons)
        return move.target

    def _objections(
        self, move: Move | None, state: str, trigger: str, subject: Any, facts: Mapping[str, Any]
    ) -> list[str]:
        if move is None:
            known = {m.trigger for m in self.moves}
            if state not in self.states:
                return [f"{state!r} is not a state of the machine {self.name}"]
            if trigger not in known:
                near = nearest(trigger, known)
                return [f"there is no {trigger!r}" + (f", did you mean {near!r}?" if near else "")]
            return ["there is no such move from that state"]
        missing = [f"it needs a {fact}" for fact in move.needs if (given := facts.get(fact)) is None or given == ""]
        return missing + [reason for guard in move.when if (reason := guard(subject)) is not None]

    def refusal(self, state: str, trigger: str, *reasons: str) -> TransitionRefused:
        """The refusal of *trigger* in *state*, with what is allowed instead."""
        return TransitionRefused(self.name, state=state, trigger=trigger, reasons=reasons, offers=self.offers(state))

    def offers(self, state: str) -> tuple[str, ...]:
        """The triggers that *state* has, guards aside."""
        return tuple(m.trigger for m in self.moves if m.source == state)

    def step(
        self, subject: E, trigger: str, *, now: datetime, changes: Mapping[str, Any] | None = None, **facts: Any
    ) -> Change[E]:
        """Move *subject* by *trigger*; *changes* are further fields that change with it.

        Raises:
            TransitionRefused: see :meth:`target`.
        """
        source: str = getattr(subject, self.field)
        target = self.target(source, trigger, subject, **facts)
        since = f"{self.field}_since"
        moved = Moved(
            subject_id=subject.id,
            customer_id=subject.id if subject.__schema__.name == "customer" else getattr(subject, "customer_id", None),
            machine=self.name,
            field=self.field,
            trigger=trigger,
            source=source,
            target=target,
            entered_at=getattr(subject, since),
            facts={k: v for k, v in facts.items() if v is not None},
        )
        after = subject.evolve(**{**(changes or {}), self.field: target, since: now})
        return Change(after, (moved,))

    def toward(self, state: str, target: str) -> str:
        """The trigger that leads from *state* straight to *target*.

        Raises:
            InvalidInput: there is no state *target*.
            TransitionRefused: there is no such move.
        """
        if target not in self.states:
            near = nearest(target, self.states)
            hint = f", did you mean {near!r}?" if near else f"; the states are {', '.join(self.states)}"
            raise InvalidInput(f"{target!r} is not a state of the machine {self.name}{hint}")
        for move in self.moves:
            if move.source == state and move.target == target:
                return move.trigger
        raise self.refusal(state, f"move to {target}", "there is no such move from that state")

    # ── A changed machine is a new machine ──

    def insert(self, state: str, *, between: tuple[str, str], trigger: str | None = None) -> Machine:
        """A machine with *state* on the way of *between*: *trigger* leads to it, and the direct moves go on from it."""
        before, after = between
        direct = [m for m in self.moves if (m.source, m.target) == (before, after)]
        if not direct:
            raise DefinitionError(f"machine {self.name}: nothing moves from {before!r} to {after!r}")
        moves: list[Move] = []
        for move in self.moves:
            if move is direct[0]:
                moves.append(Move(trigger or state, before, state))
            moves.append(attrs.evolve(move, source=state) if move in direct else move)
        return self._with(moves)

    def with_moves(self, *table: tuple[Move, ...]) -> Machine:
        """A machine with further moves; states that they name are new states."""
        return self._with([*self.moves, *_flat(table)])

    def without(self, *triggers: str) -> Machine:
        """A machine that does not have *triggers*, nor the states that only they reached."""
        unknown = [t for t in triggers if t not in {m.trigger for m in self.moves}]
        if unknown:
            raise DefinitionError(f"machine {self.name} has no {unknown[0]!r} to leave out")
        moves = [m for m in self.moves if m.trigger not in triggers]
        found = reachable(self.initial, moves)
        kept = [m for m in moves if m.source in found]
        labels = {state: label for state, label in self.labels.items() if state in found}
        return self._with(kept, final=self.final & found, labels=labels)

    def relabelled(self, labels: Mapping[str, str]) -> Machine:
        """A machine whose states are called differently in print; the stored states stay."""
        return self._with(self.moves, labels={**self.labels, **labels})

    def _with(
        self, moves: Iterable[Move], *, final: frozenset[str] | None = None, labels: Mapping[str, str] | None = None
    ) -> Machine:
        return Machine(
            self.name,
            initial=self.initial,
            final=self.final if final is None else final,
            table=tuple(moves),
            field=self.field,
            labels=self.labels if labels is None else labels,
        )

    # ── Print, compare, store ──

    def label(self, state: str) -> str:
        """How *state* is called in print."""
        return self.labels.get(state, state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Machine) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((self.name, self.moves))

    def _key(self) -> tuple[Any, ...]:
        return self.name, self.initial, self.final, self.moves, self.field, dict(self.labels)

    def __repr__(self) -> str:
        return f"<Machine {self.name}: {len(self.states)} states, {len(self.moves)} moves>"

    def __format__(self, form: str) -> str:
        if form == "mermaid":
            return self._mermaid()
        if form == "md":
            return table_md(["from", "trigger", "to", "needs"], self._rows())
        if form:
            raise InvalidInput(f"a machine prints as 'mermaid' or 'md', not as {form!r}")
        return repr(self)

    def _repr_html_(self) -> str:
        return table_html(["from", "trigger", "to", "needs"], self._rows(), caption=self.name)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(self.label(m.source), m.trigger, self.label(m.target), ", ".join(_needs(m))) for m in self.moves]

    def _mermaid(self) -> str:
        ids = {state: f"s{n}" for n, state in enumerate(self.states)}
        lines = ["stateDiagram-v2", *(f'    state "{_quotable(self.label(s))}" as {ids[s]}' for s in self.states)]
        lines.append(f"    [*] --> {ids[self.initial]}")
        lines += [f"    {ids[m.source]} --> {ids[m.target]}: {m.trigger}" for m in self.moves]
        lines += [f"    {ids[s]} --> [*]" for s in self.states if s in self.final]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The machine as JSON; guards are kept by name."""
        return {
            "machine": self.name,
            "field": self.field,
            "initial": self.initial,
            "final": sorted(self.final),
            "labels": dict(self.labels),
            "moves": [
                {
                    "trigger": m.trigger,
                    "from": m.source,
                    "to": m.target,
                    "when": [g.__name__ for g in m.when],
                    "needs": list(m.needs),
                }
                for m in self.moves
            ],
        }

    @classmethod
    def from_json(cls, spec: Mapping[str, Any], *, guards: Mapping[str, Guard] | None = None) -> Machine:
        """A machine from its JSON form.

        Args:
            spec: what :meth:`to_json` gave.
            guards: the guards that the JSON names, by name.

        Raises:
            DefinitionError: a part is missing or wrong, or a guard is not among *guards*.
        """
        known = guards or {}
        try:
            moves = [
                Move(m["trigger"], m["from"], m["to"], tuple(known[g] for g in m["when"]), tuple(m["needs"]))
                for m in spec["moves"]
            ]
            return cls(
                spec["machine"],
                initial=spec["initial"],
                final=spec["final"],
                table=moves,
                field=spec["field"],
                labels=spec["labels"],
            )
        except KeyError as missing:
            raise DefinitionError(f"the machine's JSON lacks {missing}, or names a guard that was not given") from None
        except TypeError as wrong:
            raise DefinitionError(f"the machine's JSON is wrongly formed: {wrong}") from None


def reachable(initial: str, moves: Iterable[Move]) -> set[str]:
    """The states that *moves* lead to from *initial*, itself among them."""
    moves = tuple(moves)
    found, frontier = {initial}, [initial]
    while frontier:
        state = frontier.pop()
        fresh = {m.target for m in moves if m.source == state} - found
        found |= fresh
        frontier += fresh
    return found


def _flat(table: Iterable[tuple[Move, ...]] | Iterable[Move]) -> Iterator[Move]:
    for line in table:
        if isinstance(line, Move):
            yield line
        else:
            yield from line


def _quotable(label: str) -> str:
    """*label* as Mermaid reads it inside of quotes."""
    return label.replace("#", "#35;").replace('"', "#quot;")


def _needs(move: Move) -> list[str]:
    return [*move.needs, *(guard.__name__.replace("_", " ") for guard in move.when)]
