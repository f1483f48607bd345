"""Duplicates: who might be the same person, and why.

Nobody is compared with everybody: only customers who share a mailbox, a telephone number, a birthday or a company are
looked at, each by an index.  Every piece of evidence has a weight, the chance that two customers who share it are one
person; the score is the chance that any of them is right, 1 - (1 - a)(1 - b) … (a noisy or: Pearl, Probabilistic
Reasoning in Intelligent Systems, 1988).  What contradicts it lowers the score.  The weights are judgements, not
measurements; a host gives his own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from crmkit.customers.contact_points.desk import ways
from crmkit.customers.contact_points.point import PRIMARY, ContactPoint
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Desk
from crmkit.kernel.entity import Entity, Index, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.render import printed, table_html, table_md
from crmkit.kernel.rules import F
from crmkit.kernel.text import fold

if TYPE_CHECKING:
    from crmkit.kernel.rules import Rule
    from crmkit.kernel.work import Work

WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "mailbox": 0.9,  # the same e-mail address, or the same but for a +tag
        "phone": 0.5,  # families and offices share one
        "name and birthday": 0.85,
        "name and company": 0.6,
        "name": 0.3,  # beside other evidence
        "similar name": 0.15,
        "birthday": 0.1,
    }
)
AGAINST: Final[Mapping[str, float]] = MappingProxyType({"birthday": 0.25, "gender": 0.5, "name": 0.6})
LIKELY: Final = 0.5
SIMILAR: Final = 0.8
MOST: Final = 100  # customers with the same trait; more have it, and it tells nobody apart
BATCH: Final = 200


@entity("distinction", prefix="dif", indexes=[Index(attributes=("customer_id", "other_id"), unique=True)])
class Distinction(Entity):
    """Somebody has looked at two customers, and they are not the same person.

    Attributes:
        customer_id: of the two ids the smaller one.
    """

    customer_id: str = attribute(references="customer", reverse="distinctions")
    other_id: str = attribute(references="customer", reverse="")
    reason: str | None = attribute(default=None, limit=1000)

    def check(self) -> None:
        """Nobody differs from himself; after a merge that is said of nobody any more."""
        if self.customer_id == self.other_id:
            raise InvalidInput(f"customer {self.customer_id} does not differ from himself: give two customers")


@event("customers.customers_distinguished")
class CustomersDistinguished(Event):
    """Two customers are not the same person, though they look like it."""

    customer_id: str
    other_id: str


@attrs.frozen(kw_only=True)
class Candidate:
    """Two customers who might be the same person.

    Attributes:
        customer: the one who was asked about.
        other: who it might be.
        score: from 0 to 1.
        reasons: what speaks for it, with its weight.
        doubts: what speaks against it.
    """

    customer: Customer
    other: Customer
    score: float
    reasons: Mapping[str, float]
    doubts: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Scan:
    """One part of a look at all customers.

    Attributes:
        found: the pairs, the likeliest first.
        next: give it as ``after`` for the next part; missing after the last one.
    """

    found: tuple[Candidate, ...]
    next: str | None

    def __format__(self, form: str) -> str:
        return printed(self, form, md=lambda: table_md(*self._table()), html=self._repr_html_)

    def _repr_html_(self) -> str:
        return table_html(*self._table(), caption="Who might be the same person")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [c.customer.id, c.other.id, f"{c.score:.2f}", ", ".join(c.reasons), ", ".join(c.doubts)] for c in self.found
        ]
        return ["customer", "other", "score", "the same", "different"], rows


class Duplicates(Desk):
    """What ``crm.customers.duplicates`` offers."""

    def of(
        self,
        customer: Customer | str,
        *,
        at_least: float = LIKELY,
        weights: Mapping[str, float] | None = None,
    ) -> list[Candidate]:
        """Who might be the same person as *customer*, the likeliest first.

        Args:
            customer: who.
            at_least: candidates with this score and more, 0 to 1.
            weights: other weights for some of the evidence, 0 to 1; the names are those in ``reasons``.

        Raises:
            InvalidInput: a weight is unknown or out of range.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com", phone="+86 139 1234 5678")
            ...     _ = crm.customers.register(name="xiao li", email="li+album@example.com")
            ...     [(round(c.score, 2), list(c.reasons)) for c in crm.customers.duplicates.of(li)]
            [(0.93, ['mailbox', 'name'])]
        """
        with self.read() as work:
            return candidates(work, work.get(Customer, customer), at_least=at_least, weights=_weights(weights))

    def scan(
        self,
        *,
        after: str | None = None,
        size: int = 1000,
        at_least: float = LIKELY,
        weights: Mapping[str, float] | None = None,
    ) -> Scan:
        """Look at all customers, a part at a time; each pair is found once.

        Args:
            after: ``next`` of the part before.
            size: how many customers are looked at, 1 and more.
            at_least: as in :meth:`of`.
            weights: as in :meth:`of`.

        Raises:
            InvalidInput: *size* or a weight is out of range.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.register(name="Lao Zhao")
            ...     _ = crm.customers.register(name="Li Xiao", email="li+album@example.com")
            ...     scan = crm.customers.duplicates.scan()
            ...     [(pair.customer.name, pair.other.name, pair.score) for pair in scan.found], scan.next
            ([('Xiao Li', 'Li Xiao', 0.93)], None)
        """
        if type(size) is not int or size < 1:
            raise InvalidInput(f"size is a whole number from 1, not {size!r}")
        with self.read() as work:
            chances = _weights(weights)
            seen = None if after is None else (after,)
            several = work.find(Customer, F.erased_at.is_missing(), order_by="id", limit=size, after=seen)
            found = [
                candidate
                for customer in several
                for candidate in candidates(work, customer, at_least=at_least, weights=chances)
                if candidate.other.id > customer.id
            ]
            found.sort(key=lambda c: (-c.score, c.customer.id, c.other.id))
            return Scan(found=tuple(found), next=several[-1].id if len(several) == size else None)

    def differ(self, customer: Customer | str, other: Customer | str, *, reason: str | None = None) -> Distinction:
        """Note that two customers are not the same person; they are not proposed again.

        Args:
            customer: the one.
            other: and the other one; which is which makes no difference.
            reason: how you know.

        Raises:
            InvalidInput: both are the same.
            NotFound: there is no such customer.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     son = crm.customers.register(name="Xiao Li", email="li+son@example.com")
            ...     before = len(crm.customers.duplicates.of(li))
            ...     _ = crm.customers.duplicates.differ(li, son, reason="father and son")
            ...     before, crm.customers.duplicates.of(li)
            (1, [])
        """
        with self.work() as work:
            one, two = sorted((work.get(Customer, customer).id, work.get(Customer, other).id))
            known = work.first(Distinction, (F.customer_id == one) & (F.other_id == two))
            if known is not None:
                return known if reason in {None, known.reason} else work.save(Change(known.evolve(reason=reason)))
            told = CustomersDistinguished(customer_id=one, other_id=two)
            return work.save(Change(work.new(Distinction, customer_id=one, other_id=two, reason=reason), (told,)))

    def undecided(self, customer: Customer | str, other: Customer | str) -> None:
        """Take back that two customers are not the same person: they are proposed again.

        Raises:
            Refused: nobody has said so.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     son = crm.customers.register(name="Xiao Li", email="li+son@example.com")
            ...     _ = crm.customers.duplicates.differ(li, son)
            ...     crm.customers.duplicates.undecided(li, son)
            ...     [candidate.other == son for candidate in crm.customers.duplicates.of(li)]
            [True]
        """
        with self.work() as work:
            one, two = sorted((work.get(Customer, customer).id, work.get(Customer, other).id))
            known = work.first(Distinction, (F.customer_id == one) & (F.other_id == two))
            if known is None:
                raise Refused(f"nobody has said that {one} and {two} differ")
            work.remove(Distinction, [known.id])


# ── The judgement ──


@attrs.frozen(kw_only=True)
class Traits:
    """What a customer is compared by.

    Attributes:
        mailboxes: e-mail addresses without their tags.
    """

    customer: Customer
    mailboxes: frozenset[str]
    phones: frozenset[str]

    @property
    def name(self) -> str:
        """The folded words of the name in alphabetical order: Wang Xiao is Xiao Wang."""
        return " ".join(sorted(fold(self.customer.name).split()))


def contradictions(one: Customer, two: Customer) -> list[str]:
    """What nobody has two of, but these two have differently."""
    return [n for n in ("birthday", "gender") if len({getattr(one, n), getattr(two, n)} - {None}) > 1]


def judged(one: Traits, two: Traits, *, weights: Mapping[str, float] = WEIGHTS) -> Candidate:
    """How likely it is that two customers are one, and why."""
    a, b = one.customer, two.customer
    same_name = one.name == two.name
    similar = same_name or SequenceMatcher(None, one.name, two.name).ratio() >= SIMILAR
    born = a.birthday is not None and a.birthday == b.birthday
    colleagues = a.company_id is not None and a.company_id == b.company_id
    evidence = {
        "mailbox": bool(one.mailboxes & two.mailboxes),
        "phone": bool(one.phones & two.phones),
        "name and birthday": similar and born,
        "name and company": same_name and colleagues,
        "name": same_name and not born and not colleagues,
        "similar name": similar and not same_name and not born,
        "birthday": born and not similar,
    }
    reasons = {name: weights[name] for name, holds in evidence.items() if holds}
    doubts = [*contradictions(a, b), *([] if similar else ["name"])]
    score = 1.0
    for weight in reasons.values():
        score *= 1 - weight
    score = 1 - score
    for doubt in doubts:
        score *= AGAINST[doubt]
    return Candidate(customer=a, other=b, score=round(score, 4), reasons=reasons, doubts=tuple(doubts))


def candidates(work: Work, customer: Customer, *, at_least: float, weights: Mapping[str, float]) -> list[Candidate]:
    """Who might be the same person as *customer*."""
    one = _traits(customer, [(w.kind, w.value) for w in ways(work, customer)])
    differing = _distinguished(work, customer.id)
    others = {c.id: c for c in _alike(work, one) if c.erased_at is None and c.id not in {customer.id, *differing}}
    beside: dict[str, list[tuple[str, str]]] = {identifier: [] for identifier in others}
    rule = F.customer_id.in_(list(others))
    for identifier, kind, value in work.columns(ContactPoint, ["customer_id", "kind", "value"], rule) if others else ():
        beside[identifier].append((kind, value))
    found = []
    for other in others.values():
        known = [(kind, value) for kind in PRIMARY if (value := getattr(other, kind)) is not None]
        candidate = judged(one, _traits(other, [*known, *beside[other.id]]), weights=weights)
        if candidate.reasons and candidate.score >= at_least:
            found.append(candidate)
    return sorted(found, key=lambda c: (-c.score, c.other.id))


def mailbox(email: str) -> str:
    """An e-mail address without its tag (RFC 5233).

    >>> mailbox("li+album@example.com")
    'li@example.com'
    """
    local, _, domain = email.partition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def _traits(customer: Customer, known: Iterable[tuple[str, str]]) -> Traits:
    several = list(known)
    return Traits(
        customer=customer,
        mailboxes=frozenset(mailbox(value) for kind, value in several if kind == "email"),
        phones=frozenset(value for kind, value in several if kind == "phone"),
    )


def _distinguished(work: Work, identifier: str) -> set[str]:
    later = work.columns(Distinction, ["other_id"], F.customer_id == identifier)
    earlier = work.columns(Distinction, ["customer_id"], F.other_id == identifier)
    return {one for (one,) in [*later, *earlier]}


def _alike(work: Work, one: Traits) -> Iterator[Customer]:
    """Everybody who shares something that an index knows; what a crowd shares tells nobody apart."""
    who = one.customer
    rules: list[Rule] = []
    for address in sorted(one.mailboxes):
        rules += _same_mailbox("email", address)
    rules += [F.phone == number for number in sorted(one.phones)]
    if who.birthday is not None:
        rules.append(F.birthday == who.birthday)
    for rule in rules:
        some = work.find(Customer, rule & F.erased_at.is_missing(), limit=MOST + 1)
        yield from some if len(some) <= MOST else ()
    if who.company_id is not None:
        yield from work.find(Customer, (F.company_id == who.company_id) & F.name.iequals(who.name))
    owners = [*_owners(work, [("phone", n) for n in sorted(one.phones)], one.mailboxes)]
    for begin in range(0, len(owners), BATCH):
        yield from work.find(Customer, F.id.in_(owners[begin : begin + BATCH]))


def _same_mailbox(field: str, address: str) -> list[Rule]:
    """The address itself, and with any tag: a stretch of the index that begins after the plus sign."""
    local, _, domain = address.partition("@")
    tagged = (F[field] >= f"{local}+") & (F[field] < f"{local},") & F[field].ends_with(f"@{domain}")
    return [F[field] == address, tagged]


def _owners(work: Work, numbers: Sequence[tuple[str, str]], mailboxes: Iterable[str]) -> list[str]:
    rules: list[Rule] = [(F.kind == kind) & (F.value == value) for kind, value in numbers]
    for address in sorted(mailboxes):
        rules += [(F.kind == "email") & same for same in _same_mailbox("value", address)]
    found: dict[str, Any] = {}
    for rule in rules:
        rows = work.columns(ContactPoint, ["customer_id"], rule)
        found |= dict.fromkeys(identifier for (identifier,) in rows[: MOST + 1]) if len(rows) <= MOST else {}
    return list(found)


def _weights(given: Mapping[str, float] | None) -> Mapping[str, float]:
    unknown = sorted((given or {}).keys() - WEIGHTS.keys())
    if unknown:
        raise InvalidInput(f"weights=: nothing is called {unknown[0]!r}; there are {', '.join(WEIGHTS)}")
    wrong = {name: weight for name, weight in (given or {}).items() if not 0 <= weight <= 1}
    if wrong:
        name, weight = next(iter(wrong.items()))
        raise InvalidInput(f"weights[{name!r}] is from 0 to 1, not {weight!r}")
    return {**WEIGHTS, **(given or {})}
