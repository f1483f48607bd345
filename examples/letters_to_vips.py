"""A plugin: whoever becomes a VIP gets a letter, printed into a folder.

It brings along a room, which lets segments follow each change and answers a new member with a letter, and a channel,
which prints letters.  Run it with ``python examples/letters_to_vips.py``: of its two guests one becomes a VIP.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from crmkit import CRM, F, Money
from crmkit.customers.people import Customer
from crmkit.customers.segments import SegmentEntered, Segments
from crmkit.kernel.events import Event
from crmkit.kernel.outbox import Message
from crmkit.kernel.room import Room
from crmkit.kernel.work import Work
from crmkit.pipeline.orders import Line
from crmkit.plugins.channels.port import Channel, Limits
from crmkit.plugins.hookspecs import hookimpl


class Printer:
    """A channel: a letter becomes a file, the same letter the same file."""

    name = "printer"
    carries = frozenset({"letter"})
    limits = Limits(max_body=10_000)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: Message) -> str | None:
        page = self.folder / f"{message.id}.txt"
        page.write_text(f"{message.to}\n\n{message.body}\n", encoding="utf-8")
        return page.name


def judge(work: Work, happened: Event) -> None:
    """Segments follow at once: whatever happens to a customer may move him."""
    if happened.customer is not None:
        Segments(work).judge(happened.customer)


def welcome(work: Work, entered: SegmentEntered) -> None:
    """A letter, once for each customer: the key is unique for ever."""
    if entered.name == "VIPs":
        guest = work.get(Customer, entered.customer_id)
        body = f"Dear {guest.name}, a table is kept for you from now on."
        work.post(channel="letter", to=guest.city or "by hand", body=body, key=f"vip:{guest.id}")


class LettersToVips:
    """What is given to ``CRM.open(plugins=[…])``, or named as an entry point of the group ``crmkit``."""

    def __init__(self, folder: Path) -> None:
        self.printer = Printer(folder)

    @hookimpl
    def crmkit_channels(self) -> list[Channel]:
        return [self.printer]

    @hookimpl
    def crmkit_rooms(self) -> list[Room]:
        return [Room(name="letters", reactions={Event: (judge,), SegmentEntered: (welcome,)})]


with tempfile.TemporaryDirectory() as folder, CRM.open(currency="CNY", plugins=[LettersToVips(Path(folder))]) as crm:
    crm.customers.segments.define("VIPs", rule=F.orders.sum("total") >= Money(1_000, "CNY"))
    li = crm.customers.register(name="Xiao Li", city="Chengdu")
    wang = crm.customers.register(name="Wang Fang", city="Xi'an")
    for guest, price in {li: 1_200, wang: 80}.items():
        crm.pipeline.orders.place(guest, lines=[Line("Banquet", quantity=1, unit_price=Money(price, "CNY"))])
    crm.deliver()
    for page in Path(folder).glob("*.txt"):
        print(page.read_text(encoding="utf-8"))
