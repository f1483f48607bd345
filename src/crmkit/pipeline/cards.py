"""Business cards: vCards (RFC 6350, 2426 and the older 2.1) become leads, and people become vCards.

Needs the ``vobject`` library: ``pip install 'crmkit[vcard]'``.  It reads all three versions, with the quoted-printable
texts that telephones write; cards are written as version 3.0, which every address book reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from crmkit.customers.companies import Company
from crmkit.customers.contact_points.point import ContactPoint
from crmkit.customers.people import Customer
from crmkit.errors import CrmError, InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Desk
from crmkit.kernel.entity import Record
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.text import fold
from crmkit.kernel.work import Work
from crmkit.pipeline.assignment.deciding import received
from crmkit.pipeline.leads.capture import captured
from crmkit.pipeline.leads.lead import Lead
from crmkit.pipeline.merging import listed
from crmkit.pipeline.pool.pool import watch_many
from crmkit.pipeline.scoring.model import refresher

LARGEST = 20_000_000
MOST = 10_000
CHUNK = 500
KEY = "vcard:"
OWN = "@crmkit"
CARD = re.compile(r"^BEGIN:VCARD\s*$.*?^END:VCARD\s*$", re.MULTILINE | re.DOTALL | re.IGNORECASE)
SECOND = {"tel": "telephone", "email": "e-mail", "url": "web"}


@attrs.frozen(kw_only=True)
class Loaded:
    """What became of a file of cards.

    Attributes:
        added: new leads, in the order of the file.
        known: by the number of the card in the file, counted from 1, the id of the customer or lead that it shows.
        errors: by number, why a card was left out.
    """

    added: tuple[Lead, ...]
    known: Mapping[int, str]
    errors: Mapping[int, str]


class Cards(Desk):
    """What ``crm.pipeline.cards`` offers."""

    def load(self, text: str | bytes, *, source: str = "business card", **fields: Any) -> Loaded:
        r"""Capture a lead for each card of somebody who is not known yet.

        Known is a customer or a lead with the same e-mail address, or with the same telephone number and name, and who
        came by the same card (its UID) before.  Cards that cannot be understood are left out and reported by number.
        What a lead has no field for (further numbers and addresses) stands in its note.

        Args:
            text: a file of vCards, at most 20 MB and 10,000 cards.
            source: how these people were found.
            fields: what all of the leads have, such as ``owner`` and ``campaign``.

        Raises:
            InvalidInput: there is no card in it, or a field is unknown; nothing is stored.
            CrmError: the ``vobject`` library is missing; the message names the extra.

        Example:
            >>> from crmkit import CRM
            >>> card = "BEGIN:VCARD\nVERSION:3.0\nN:Wang;Xiao\nFN:Xiao Wang\nTEL:+86 139 1234 5678\nEND:VCARD"
            >>> with CRM.open() as crm:
            ...     (lead,) = crm.pipeline.cards.load(card).added
            ...     lead.name, lead.phone, crm.pipeline.cards.load(card).known[1] == lead.id
            ('Xiao Wang', '+8613912345678', True)
        """
        with self.work() as work:
            captured(work, {"name": "somebody", "source": source, **fields})  # what is wrong for all is said at once
            return _loaded(work, _blocks(text), {"source": source, **fields})

    def write(self, people: Iterable[Customer | Lead | str]) -> str:
        """The cards of customers and leads, by object or id: names, addresses and numbers, and no notes.

        Raises:
            NotFound: there is nobody with such an id.
            InvalidInput: it is no list of them.
            CrmError: the ``vobject`` library is missing; the message names the extra.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     card = crm.pipeline.cards.write([wang])
            ...     [line for line in card.splitlines() if line.startswith(("VERSION", "FN", "EMAIL"))]
            ['VERSION:3.0', 'EMAIL:wang@example.com', 'FN:Xiao Wang']
        """
        with self.read() as work:
            several = listed(people, what="customers and leads")
            return "".join(_written(work, _person(work, person)) for person in several)


# ── In ──


def _blocks(text: str | bytes) -> list[str]:
    if not isinstance(text, (str, bytes)):
        raise InvalidInput(f"a file of cards is text or bytes, got {text!r}")
    if len(text) > LARGEST:
        raise InvalidInput(f"a file of cards has at most {LARGEST:,} bytes, this one {len(text):,}: split it")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise InvalidInput(f"the file of cards is not in UTF-8: {problem}; save it as UTF-8") from None
    found = CARD.findall(text.replace("\r\n", "\n"))
    if not found:
        raise InvalidInput("there is no card in it: a vCard goes from BEGIN:VCARD to END:VCARD (RFC 6350)")
    if len(found) > MOST:
        raise InvalidInput(f"a file of cards has at most {MOST:,} of them, this one {len(found):,}: split it")
    return found


def _loaded(work: Work, blocks: Sequence[str], common: Mapping[str, Any]) -> Loaded:
    library, refresh = _library(), refresher(work)
    cards: dict[int, Change[Lead]] = {}
    errors: dict[int, str] = {}
    for number, block in enumerate(blocks, start=1):
        try:
            cards[number] = captured(work, {**_fields(_read(library, block)), **common})
        except InvalidInput as problem:
            errors[number] = str(problem)
    there = _People.among(work, [change.after for change in cards.values()])
    known: dict[int, str] = {}
    new: list[Change[Lead]] = []
    for number, change in cards.items():
        who = there.who(change.after)
        if who is None:
            there.add(change.after)
            new.append(Change(refresh(change.after), change.events))
        else:
            known[number] = who
    added = work.save_new(new) if new else []
    watch_many(work, [lead for lead in added if lead.owner is not None])
    return Loaded(added=tuple(received(work, added)), known=known, errors=errors)


@attrs.define
class _People:
    """Who is known, by the three ways in which a card may show somebody."""

    by_key: dict[str, str] = attrs.field(factory=dict)
    by_email: dict[str, str] = attrs.field(factory=dict)
    by_number: dict[tuple[str, str], str] = attrs.field(factory=dict)

    @classmethod
    def among(cls, work: Work, wanted: Sequence[Lead]) -> _People:
        """Those who are there already: leads first, so that a customer counts where there are both."""
        people = cls()
        for field in ("key", "email", "phone"):
            values = sorted({value for lead in wanted if (value := getattr(lead, field))})
            for begin in range(0, len(values), CHUNK):
                part = F[field].in_(values[begin : begin + CHUNK])
                for lead in work.find(Lead, part & (F.stage != "merged"), order_by="-created_at"):
                    people.add(lead)
                if field != "key":
                    people.reach(work, field, part, values[begin : begin + CHUNK])
        for lead in wanted:
            own = (lead.key or "").removeprefix(KEY)
            if own.endswith(OWN) and (found := _own(work, own.removesuffix(OWN))):
                people.by_key[str(lead.key)] = found
        return people

    def add(self, person: Lead | Customer) -> None:
        if isinstance(person, Lead) and person.key:
            self.by_key[person.key] = person.id
        if person.email:
            self.by_email[person.email] = person.id
        if person.phone:
            self.by_number[person.phone, fold(person.name)] = person.id

    def reach(self, work: Work, field: str, part: Rule, values: Sequence[str]) -> None:
        """Note the customers who have one of these addresses or numbers, first or beside another one."""
        beside = work.find(ContactPoint, (F.kind == field) & F.value.in_(values), order_by="-created_at")
        names = dict(work.columns(Customer, ["id", "name"], F.id.in_(sorted({p.customer_id for p in beside}))))
        for point in beside:
            if field == "email":
                self.by_email[point.value] = point.customer_id
            else:
                self.by_number[point.value, fold(names[point.customer_id])] = point.customer_id
        for customer in work.find(Customer, part, order_by="-created_at"):
            self.add(customer)

    def who(self, lead: Lead) -> str | None:
        by_number = self.by_number.get((lead.phone, fold(lead.name))) if lead.phone else None
        return self.by_key.get(lead.key or "") or self.by_email.get(lead.email or "") or by_number


def _own(work: Work, identifier: str) -> str | None:
    """The id of somebody whose card was written here."""
    classes: tuple[type[Customer | Lead], ...] = (Customer, Lead)
    mine = [cls for cls in classes if identifier.startswith(f"{cls.__schema__.prefix}_")]
    return identifier if any(work.count(cls, F.id == identifier) for cls in mine) else None


def _read(library: Any, block: str) -> Any:
    try:
        return library.readOne(block, allowQP=True)
    except Exception as problem:  # noqa: BLE001 - the library raises whatever the text provokes
        raise InvalidInput(f"the card cannot be read: {str(problem)[:200]}; see RFC 6350") from None


def _fields(card: Any) -> dict[str, Any]:
    """What a lead is captured with."""
    have: dict[str, list[Any]] = {
        name: sorted(lines, key=lambda line: not _preferred(line)) for name, lines in card.contents.items()
    }
    address = next((line.value for line in have.get("adr", ())), None)
    values = {
        "name": _text(have, "fn") or _name(have),
        "email": _text(have, "email"),
        "phone": _number(_text(have, "tel")),
        "company": next((part for line in have.get("org", ()) for part in line.value if part), None),
        "role": _text(have, "title"),
        "city": _one(getattr(address, "city", None)),
        "region": _one(getattr(address, "region", None)),
        "country": _one(getattr(address, "country", None)),
        "language": _text(have, "lang"),
        "note": "\n".join(_notes(have)) or None,
        "tags": frozenset(word for line in have.get("categories", ()) for word in line.value if word),
        "key": f"{KEY}{uid}"[:200] if (uid := _text(have, "uid")) else None,
    }
    return {name: value for name, value in values.items() if value}


def _preferred(line: Any) -> bool:
    words = {word.lower() for words in line.params.get("TYPE", ()) for word in words.split(",")}
    return "pref" in words or "PREF" in line.params or "PREF" in line.singletonparams


def _text(have: Mapping[str, list[Any]], name: str) -> str | None:
    return next((_one(line.value) for line in have.get(name, ())), None)


def _one(value: Any) -> str | None:
    text = " ".join(value) if isinstance(value, list) else value
    return text.strip() or None if isinstance(text, str) else None


def _name(have: Mapping[str, list[Any]]) -> str | None:
    name = next((line.value for line in have.get("n", ())), None)
    return _one([part for part in (_one(getattr(name, "given", "")), _one(getattr(name, "family", ""))) if part])


def _number(text: str | None) -> str | None:
    return None if text is None else text.removeprefix("tel:").partition(";")[0]


def _notes(have: Mapping[str, list[Any]]) -> Iterator[str]:
    yield from (text for line in have.get("note", ()) if (text := _one(line.value)))
    for name, word in SECOND.items():
        for line in have.get(name, ())[0 if name == "url" else 1 :]:
            if text := _one(line.value):
                yield f"{word}: {text}"


# ── Out ──


def _person(work: Work, person: Record | str) -> Customer | Lead:
    identifier = person if isinstance(person, str) else person.id
    if work.house.registry.schema_of_id(identifier) is Lead.__schema__:
        return work.get(Lead, identifier)
    return work.get(Customer, identifier)


def _written(work: Work, person: Customer | Lead) -> str:
    library = _library()
    card = library.vCard()
    card.add("n").value = library.vcard.Name(given=person.name)
    card.add("fn").value = person.name
    card.add("uid").value = person.id + OWN
    for name, value in (("tel", person.phone), ("email", person.email), ("title", person.role)):
        if value is not None:
            card.add(name).value = value
    company = person.company if isinstance(person, Lead) else _company(work, person)
    if company is not None:
        card.add("org").value = [company]
    places = {"city": person.city, "region": person.region, "country": person.country}
    if isinstance(person, Customer):
        places |= {"street": person.street, "code": person.postcode}
    if any(places.values()):
        card.add("adr").value = library.vcard.Address(**{name: value or "" for name, value in places.items()})
    return str(card.serialize())


def _company(work: Work, customer: Customer) -> str | None:
    return None if customer.company_id is None else work.get(Company, customer.company_id).name


def _library() -> Any:
    try:
        import vobject  # noqa: PLC0415 - an extra, imported when used
    except ImportError:
        raise CrmError("vCards need the 'vobject' library: pip install 'crmkit[vcard]'") from None
    return vobject
