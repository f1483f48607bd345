"""``crm.pipeline.quotes``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput, NotFound, Refused
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date, start_of_day
from crmkit.kernel.collection import Collection
from crmkit.kernel.rules.fields import F
from crmkit.pipeline.opportunities.deal import Opportunity
from crmkit.pipeline.opportunities.people import deal_of
from crmkit.pipeline.orders.desk import Orders
from crmkit.pipeline.orders.line import Line
from crmkit.pipeline.orders.pricing import priced, total_of
from crmkit.pipeline.orders.quotes.quote import Quote, QuoteAccepted, QuoteClosed, QuoteLine, QuoteRevised, QuoteSent
from crmkit.pipeline.products import Product

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.work import Work
    from crmkit.pipeline.orders.order import Order
    from crmkit.pipeline.prices import PriceList

QUOTE_EXPIRES = "pipeline.quote_expires"


class Quotes(Collection[Quote]):
    """What ``crm.pipeline.quotes`` offers."""

    cls = Quote

    def draft(
        self,
        customer: Customer | str,
        *,
        lines: Sequence[Line],
        opportunity: Opportunity | str | None = None,
        prices: PriceList | str | None = None,
        valid_until: date | None = None,
        **fields: Any,
    ) -> Quote:
        """Write an offer.

        Args:
            customer: for whom.
            lines: what, at least one line, all in one currency.
            opportunity: the deal that it belongs to: the customer's, the company's, or one that the customer plays a
                part in.
            prices: the price list for products without a price on their line.
            valid_until: the last day on which it may be accepted.
            fields: ``number``, ``owner``.

        Raises:
            InvalidInput: there is no line, a line has no price, two have different currencies, or the deal is somebody
                else's.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open() as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     quote = crm.pipeline.quotes.draft(wang, lines=[Line("Album", unit_price=Money(90, "EUR"))])
            ...     order = crm.pipeline.quotes.accept(crm.pipeline.quotes.send(quote))
            ...     order.total
            Money('90.00', 'EUR')
        """
        unknown = sorted(fields.keys() - {"number", "owner"})
        if unknown:
            raise InvalidInput(f"a quote has no {unknown[0]!r} to set; it has number and owner")
        with self.work() as work:
            whom = work.get(Customer, customer.id if isinstance(customer, Customer) else customer)
            deal = None if opportunity is None else deal_of(work, _deal_id(opportunity), whom)
            offered = priced(work, lines, prices=prices)
            quote = work.new(
                Quote,
                customer_id=whom.id,
                opportunity_id=None if deal is None else deal.id,
                total=total_of(offered),
                valid_until=valid_until,
                status_since=work.now,
                **fields,
            )
            saved = work.save(Change(quote))
            _write_lines(work, saved, offered)
            return saved

    def lines(self, quote: Quote | str, *, revision: int | None = None) -> list[QuoteLine]:
        """What is offered, line by line.

        Args:
            quote: which.
            revision: an earlier one; the present one unless given.

        Raises:
            NotFound: there is no such revision.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, table = crm.customers.register(name="Xiao Wang"), Line("Table", unit_price=Money(800, "CNY"))
            ...     quote = crm.pipeline.quotes.draft(wang, lines=[table])
            ...     quote = crm.pipeline.quotes.revise(crm.pipeline.quotes.send(quote), lines=[table, table])
            ...     len(crm.pipeline.quotes.lines(quote)), len(crm.pipeline.quotes.lines(quote, revision=1))
            (2, 1)
        """
        with self.read() as work:
            current = work.get(Quote, quote)
            wanted = current.revision if revision is None else revision
            if not 1 <= wanted <= current.revision:
                raise NotFound(f"quote {current.id} has the revisions 1 to {current.revision}, not {wanted}")
            return _lines_of(work, current, revision=wanted)

    def send(self, quote: Quote | str) -> Quote:
        """The customer has it now; on the day after its last one it expires by itself.

        Raises:
            TransitionRefused: it is no draft.
            InvalidInput: its last day has passed.

        Example:
            >>> from datetime import UTC, date, datetime
            >>> from crmkit import CRM, FrozenClock, Line, Money
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> with CRM.open(clock=clock) as crm:
            ...     wang, album = crm.customers.register(name="Xiao Wang"), Line("Album", unit_price=Money(90, "EUR"))
            ...     quote = crm.pipeline.quotes.draft(wang, lines=[album], valid_until=date(2026, 3, 31))
            ...     quote = crm.pipeline.quotes.send(quote)
            ...     _ = clock.set(datetime(2026, 4, 1, tzinfo=UTC)), crm.run_due()
            ...     quote.status, crm.pipeline.quotes.get(quote.id).status
            ('sent', 'expired')
        """
        with self.work() as work:
            current = work.get(Quote, quote)
            if current.valid_until is not None and current.valid_until < local_date(work.now, work.settings.zone):
                raise InvalidInput(f"the quote was valid until {current.valid_until}: revise it with a later day")
            change = work.machine("quote").step(current, "send", now=work.now)
            sent = QuoteSent(
                quote_id=current.id, customer_id=current.customer_id, total=current.total, revision=current.revision
            )
            saved = work.save(change.and_also(sent))
            if saved.valid_until is not None:
                work.schedule(
                    QUOTE_EXPIRES,
                    due_at=start_of_day(saved.valid_until + timedelta(days=1), work.settings.zone),
                    subject=saved.id,
                    key=f"quote-expires:{saved.id}:{saved.revision}",
                    payload={"revision": saved.revision},
                )
            return saved

    def accept(self, quote: Quote | str, *, channel: str | None = None) -> Order:
        """The customer takes it: the order is placed with the lines as they were offered.

        Args:
            quote: which.
            channel: of the order; the deal's unless given.

        Returns:
            the order.

        Raises:
            TransitionRefused: it was not sent, or is decided.
            Refused: its last day has passed.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, table = crm.customers.register(name="Xiao Wang"), Line("Table", unit_price=Money(800, "CNY"))
            ...     quote = crm.pipeline.quotes.draft(wang, lines=[table])
            ...     quote = crm.pipeline.quotes.send(quote)
            ...     order = crm.pipeline.quotes.accept(quote, channel="telephone")
            ...     order.total, order.status, crm.pipeline.quotes.get(quote.id).order_id == order.id
            (Money('800.00', 'CNY'), 'placed', True)
        """
        with self.work() as work:
            current = work.get(Quote, quote)
            machine = work.machine("quote")
            machine.target(current.status, "accept", current)
            if current.valid_until is not None and current.valid_until < local_date(work.now, work.settings.zone):
                raise Refused(
                    f"the quote was valid until {current.valid_until}: revise it with a later day and send it"
                )
            order = Orders(work).place(
                current.customer_id,
                lines=[_as_line(line) for line in _lines_of(work, current)],
                opportunity=current.opportunity_id,
                owner=current.owner,
                channel=channel,
            )
            accepted = QuoteAccepted(
                quote_id=current.id, customer_id=current.customer_id, order_id=order.id, total=order.total
            )
            change = machine.step(current, "accept", now=work.now, changes={"order_id": order.id})
            work.save(change.and_also(accepted))
            return order

    def decline(self, quote: Quote | str, *, reason: str) -> Quote:
        """The customer does not take it.

        Raises:
            TransitionRefused: it was not sent or is decided, or there is no reason.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang, table = crm.customers.register(name="Xiao Wang"), Line("Table", unit_price=Money(800, "CNY"))
            ...     quote = crm.pipeline.quotes.draft(wang, lines=[table])
            ...     quote = crm.pipeline.quotes.decline(crm.pipeline.quotes.send(quote), reason="too expensive")
            ...     quote.status, quote.reason
            ('declined', 'too expensive')
        """
        with self.work() as work:
            return _closed(work, work.get(Quote, quote), "decline", reason=reason)

    def revise(
        self,
        quote: Quote | str,
        *,
        lines: Sequence[Line],
        prices: PriceList | str | None = None,
        valid_until: date | None = None,
    ) -> Quote:
        """Write it anew; it has to be sent again.  Earlier revisions can still be read.

        Args:
            quote: which.
            lines: all of its lines from now on.
            prices: as for :meth:`draft`.
            valid_until: the last day on which it may be accepted; there is none unless given, whatever it was before.

        Raises:
            TransitionRefused: it is accepted, or still a draft.
            InvalidInput: as for :meth:`draft`.

        Example:
            >>> from crmkit import CRM, Line, Money
            >>> with CRM.open(currency="CNY") as crm:
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     table, smaller = (Line("Table", unit_price=Money(price, "CNY")) for price in (800, 600))
            ...     quote = crm.pipeline.quotes.draft(wang, lines=[table])
            ...     quote = crm.pipeline.quotes.decline(crm.pipeline.quotes.send(quote), reason="too expensive")
            ...     quote = crm.pipeline.quotes.revise(quote, lines=[smaller])
            ...     quote.status, quote.revision, quote.total
            ('draft', 2, Money('600.00', 'CNY'))
        """
        with self.work() as work:
            current = work.get(Quote, quote)
            offered = priced(work, lines, prices=prices)
            changes = {
                "total": total_of(offered),
                "valid_until": valid_until,
                "revision": current.revision + 1,
                "reason": None,
            }
            step = work.machine("quote").step(current, "revise", now=work.now, changes=changes)
            revised = QuoteRevised(
                quote_id=current.id,
                customer_id=current.customer_id,
                total=step.after.total,
                revision=step.after.revision,
            )
            saved = work.save(step.and_also(revised))
            _write_lines(work, saved, offered)
            return saved


def expire(work: Work, item: AgendaItem) -> None:
    """Close a quote that nobody answered, unless it was answered or written anew."""
    quote = work.first(Quote, F.id == item.subject)
    if quote is not None and quote.status == "sent" and quote.revision == item.payload["revision"]:
        _closed(work, quote, "expire")


def _closed(work: Work, quote: Quote, trigger: str, *, reason: str | None = None) -> Quote:
    change = work.machine("quote").step(quote, trigger, now=work.now, changes={"reason": reason}, reason=reason)
    closed = QuoteClosed(quote_id=quote.id, customer_id=quote.customer_id, status=change.after.status, reason=reason)
    return work.save(change.and_also(closed))


def _write_lines(work: Work, quote: Quote, lines: Sequence[Line]) -> None:
    work.save_new(
        Change(
            work.new(
                QuoteLine,
                quote_id=quote.id,
                revision=quote.revision,
                product_id=line.product.id if isinstance(line.product, Product) else None,
                position=position,
                name=line.name,
                quantity=line.quantity,
                unit_price=line.unit_price,
                discount=line.discount,
                amount=line.amount,
            )
        )
        for position, line in enumerate(lines, start=1)
    )


def _lines_of(work: Work, quote: Quote, *, revision: int | None = None) -> list[QuoteLine]:
    wanted = quote.revision if revision is None else revision
    return work.find(QuoteLine, (F.quote_id == quote.id) & (F.revision == wanted), order_by="position")


def _as_line(line: QuoteLine) -> Line:
    return Line(
        line.name,
        quantity=line.quantity,
        unit_price=line.unit_price,
        discount=line.discount,
        product=line.product_id,
    )


def _deal_id(deal: Opportunity | str) -> str:
    return deal.id if isinstance(deal, Opportunity) else deal
