"""Business cards: what telephones and address books write becomes leads, once, and goes back out."""

from __future__ import annotations

import sys

import pytest

from crmkit import CRM
from crmkit.errors import CrmError, InvalidInput, NotFound
from crmkit.testing import FrozenClock

WANG = r"""BEGIN:VCARD
VERSION:3.0
N:Wang;Xiao;;;
FN:Xiao Wang
ORG:Lakeside\, Hotel;Weddings
TITLE:Manager
item1.TEL;type=CELL:139 0000 0000
item1.TEL;type=CELL;type=pref:139 1234 5678
EMAIL;TYPE=INTERNET:Wang@Example.com
EMAIL:second@example.com
ADR;TYPE=WORK:;;1 Road;Chengdu;Sichuan;610000;China
NOTE:met at the fair\nwants a
  quote
CATEGORIES:fair,wedding
URL:https://lakeside.example
PHOTO;ENCODING=b;TYPE=JPEG:AAAA
UID:abc-1
END:VCARD
"""
OLD = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=8E=8B;=E5=B0=8F;;;
TEL;CELL;VOICE:139 8765 4321
NOTE;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E5=B0=
=8F
END:VCARD
"""
NEW = """begin:vcard
VERSION:4.0
FN:Simon Perreault
TEL;VALUE=uri;PREF=1;TYPE="voice,home":tel:+1-418-656-9254;ext=102
EMAIL;TYPE=work:simon@viagenie.example
LANG;PREF=1:fr
END:VCARD
"""


def test_a_card_of_today(anywhere: CRM) -> None:
    (lead,) = anywhere.pipeline.cards.load(WANG, owner="xu").added
    assert (lead.name, lead.company, lead.role) == ("Xiao Wang", "Lakeside, Hotel", "Manager")
    assert (lead.phone, lead.email) == ("+8613912345678", "wang@example.com")
    assert (lead.city, lead.region, lead.country) == ("Chengdu", "Sichuan", "China")
    assert lead.note == (
        "met at the fair\nwants a quote\ntelephone: 139 0000 0000\ne-mail: second@example.com\n"
        "web: https://lakeside.example"
    )
    assert (sorted(lead.tags), lead.source, lead.owner) == (["fair", "wedding"], "business card", "xu")
    assert anywhere.pipeline.activities.caller("(139) 1234-5678") == [lead]


def test_cards_of_all_versions_in_one_file(anywhere: CRM) -> None:
    text = (WANG + OLD + NEW).replace("\n", "\r\n").encode()
    loaded = anywhere.pipeline.cards.load(b"\xef\xbb\xbf" + text)
    assert (loaded.errors, loaded.known) == ({}, {})
    _, old, new = loaded.added
    assert (old.name, old.phone, old.note) == ("小 王", "+8613987654321", "小")
    assert (new.name, new.phone, new.language) == ("Simon Perreault", "+14186569254", "fr")
    again = anywhere.pipeline.cards.load(text)
    assert (again.added, list(again.known.values())) == ((), [lead.id for lead in loaded.added])


def test_who_is_known_already(anywhere: CRM, clock: FrozenClock) -> None:
    cards = anywhere.pipeline.cards
    wang = anywhere.customers.register(name="Somebody", email="wang@example.com")
    twin = anywhere.pipeline.leads.capture(name="小 王", phone="139 8765 4321")
    other = anywhere.customers.register(name="Somebody else", phone="+1-418-656-9254")
    clock.advance(days=1)
    loaded = cards.load(WANG + OLD + NEW + NEW)
    assert loaded.known == {1: wang.id, 2: twin.id, 4: loaded.added[0].id}
    assert [lead.phone for lead in loaded.added] == [other.phone]  # the number alone is not the person
    gone = anywhere.pipeline.leads.merge([twin.id, loaded.added[0].id])
    assert cards.load(OLD.replace("8765 4321", "1111 1111")).added[0].id != gone.id


def test_a_card_that_cannot_be_read_is_reported_by_number(anywhere: CRM) -> None:
    broken = "BEGIN:VCARD\nVERSION:3.0\nthis is not a line\nFN:x\nEND:VCARD\n"
    nobody = "BEGIN:VCARD\nVERSION:3.0\nTEL:139 1234 5678\nEND:VCARD\n"
    letters = "BEGIN:VCARD\nVERSION:3.0\nFN:x\nTEL:call me\nEND:VCARD\n"
    loaded = anywhere.pipeline.cards.load(broken + nobody + letters + OLD)
    assert [lead.name for lead in loaded.added] == ["小 王"]
    assert sorted(loaded.errors) == [1, 2, 3]
    assert "cannot be read" in loaded.errors[1]
    assert "needs a name" in loaded.errors[2]
    assert "call me" in loaded.errors[3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no card"),
        ("BEGIN:VCARD\nFN:x\n", "no card"),
        ("小王".encode("gb18030"), "not in UTF-8"),
        (b"x" * 20_000_001, "split it"),
        (OLD * 10_001, "at most 10,000"),
    ],
    ids=["nothing", "no end", "not UTF-8", "too large", "too many"],
)
def test_what_is_no_file_of_cards_is_refused(crm: CRM, text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        crm.pipeline.cards.load(text)
    assert crm.pipeline.leads.count() == 0


def test_what_is_wrong_for_all_is_said_once(crm: CRM) -> None:
    with pytest.raises(InvalidInput, match="did you mean 'owner'"):
        crm.pipeline.cards.load(WANG, ownr="xu")
    with pytest.raises(NotFound):
        crm.pipeline.cards.load(WANG, campaign="cam_00000000000000000000000000")
    assert crm.pipeline.leads.count() == 0


def test_cards_go_out_and_are_known_again(anywhere: CRM) -> None:
    hotel = anywhere.customers.companies.register(name="Lakeside; Hotel")
    wang = anywhere.customers.register(
        name="Xiao, Wang", phone="139 1234 5678", company=hotel, role="Boss", city="Chengdu", note="pays late"
    )
    (lead,) = anywhere.pipeline.cards.load(NEW).added
    text = anywhere.pipeline.cards.write([wang, lead.id])
    assert text.count("BEGIN:VCARD") == 2
    assert "pays late" not in text
    assert "ORG:Lakeside\\; Hotel" in text
    assert anywhere.pipeline.cards.load(text).known == {1: wang.id, 2: lead.id}
    other = anywhere.for_tenant("other").pipeline.cards.load(text).added
    assert [(found.name, found.company) for found in other] == [
        ("Xiao, Wang", "Lakeside; Hotel"),
        ("Simon Perreault", None),
    ]
    with pytest.raises(NotFound):
        anywhere.pipeline.cards.write(["cus_00000000000000000000000000"])


def test_without_the_library_the_error_names_the_extra(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vobject", None)
    with pytest.raises(CrmError, match=r"crmkit\[vcard\]"):
        crm.pipeline.cards.load(WANG)


def test_a_further_address_shows_who_it_is(anywhere: CRM) -> None:
    boss = anywhere.customers.register(name="Boss", email="boss@example.com")
    twin = anywhere.customers.register(name="小 王", phone="139 0000 0001")
    anywhere.customers.contact_points.add(boss, kind="email", value="wang@example.com")
    anywhere.customers.contact_points.add(twin, kind="phone", value="139 8765 4321")
    assert anywhere.pipeline.cards.load(WANG + OLD).known == {1: boss.id, 2: twin.id}
