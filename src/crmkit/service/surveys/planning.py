"""Planning: when a survey is sent, and to whom, from now on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from crmkit.customers.consents import word
from crmkit.customers.contact_points.reach import USUAL
from crmkit.customers.people import Customer
from crmkit.errors import InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Record
from crmkit.kernel.rules import F, Rule
from crmkit.kernel.rules.specs import to_json
from crmkit.kernel.text import nearest, several
from crmkit.service.cases.case import Case
from crmkit.service.surveys.asking import ROUND, Asking, AskingPlanned
from crmkit.service.surveys.defining import ready
from crmkit.service.surveys.definition import Survey, survey_called
from crmkit.service.surveys.links import secrets_of
from crmkit.service.surveys.sending import deals_of, plan_round

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

OURS: Final = ("occasion", "link", "delay", "every")
HOW: Final = ("channels", "rest", "text", "expires_after", "remind_after", "reminders")


class Planning(Collection[Survey]):
    """What ``crm.service.surveys`` does to have a survey sent."""

    cls = Survey

    def ask_after_resolution(
        self,
        survey: Survey | str,
        *,
        link: str,
        rule: Rule | None = None,
        delay: timedelta = timedelta(0),
        **how: Any,
    ) -> Asking:
        """Send a survey after each resolution of a case, from now on; customers who agreed to ``research`` get it.

        Args:
            survey: which.
            link: the address of the host's page, as in ``"https://studio.example/survey/{token}"``.
            rule: which cases, judged when the message is due.
            delay: how long after the resolution; a case that has gone on meanwhile is not asked about.
            how: ``channels``, ``rest``, ``text``, ``expires_after``, ``remind_after`` and ``reminders``, as
                :class:`~crmkit.service.surveys.asking.Asking` explains them.

        Raises:
            InvalidInput: something does not fit, or the host has given no secret to sign links with.
            DefinitionError: the rule does not fit cases.

        Example:
            >>> from crmkit import CRM
            >>> secret = {"service.survey_secret": lambda: "known to nobody else"}
            >>> with CRM.open(answers=secret) as crm:
            ...     page = "https://studio.example/survey/{token}"
            ...     _ = crm.service.surveys.ask_after_resolution("satisfaction", link=page)
            ...     li = crm.customers.register(name="Xiao Li", email="li@example.com")
            ...     _ = crm.customers.consents.grant(li, channel="email", purpose="research", source="form")
            ...     case = crm.service.cases.open(li, subject="Opening hours?")
            ...     _ = crm.service.cases.resolve(case, solution="We open at nine.")
            ...     _ = crm.run_due()
            ...     token = crm.outbox.due()[0].body.rpartition("/")[2]
            ...     crm.service.surveys.answer_link(token, score=5).score
            5
        """
        with self.work() as work:
            return _asked(work, survey, Case, rule, occasion="resolution", link=link, delay=delay, every=None, **how)

    def ask_after_winning(
        self,
        survey: Survey | str,
        *,
        link: str,
        rule: Rule | None = None,
        delay: timedelta = timedelta(0),
        **how: Any,
    ) -> Asking:
        """Send a survey after each deal that is won, from now on; customers who agreed to ``research`` get it.

        Args:
            survey: which.
            link: as in :meth:`ask_after_resolution`.
            rule: which deals, judged when the message is due.
            delay: how long after the win; a deal that was reopened meanwhile is not asked about.
            how: as in :meth:`ask_after_resolution`.

        Raises:
            InvalidInput: something does not fit, or the host has given no secret to sign links with.
            DefinitionError: the rule does not fit deals.

        Example:
            >>> from crmkit import CRM, Money
            >>> page, secret = (
            ...     "https://studio.example/survey/{token}",
            ...     {"service.survey_secret": lambda: "known to nobody else"},
            ... )
            >>> with CRM.open(answers=secret) as crm:
            ...     _ = crm.service.surveys.ask_after_winning("recommendation", link=page)
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
            ...     deal = crm.pipeline.opportunities.open(customer=wang, name="Album", amount=Money("8800", "CNY"))
            ...     _ = crm.pipeline.opportunities.win(deal), crm.run_due()
            ...     (message,) = crm.outbox.due()
            ...     message.to, message.body.partition("?")[0]
            ('wang@example.com', 'How likely is it that you recommend us to a friend or colleague')
        """
        with self.work() as work:
            deals = deals_of(work)
            return _asked(work, survey, deals, rule, occasion="win", link=link, delay=delay, every=None, **how)

    def ask_regularly(
        self,
        survey: Survey | str,
        *,
        every: timedelta,
        link: str,
        rule: Rule | None = None,
        start: datetime | None = None,
        **how: Any,
    ) -> Asking:
        """Send a survey in rounds to the customers who agreed to ``research``.

        Args:
            survey: which.
            every: from the beginning of a round to that of the next.
            link: as in :meth:`ask_after_resolution`.
            rule: which customers, judged in each round anew.
            start: when the first round begins; now unless given.
            how: as in :meth:`ask_after_resolution`.

        Raises:
            InvalidInput: something does not fit, or the host has given no secret to sign links with.
            DefinitionError: the rule does not fit customers.

        Example:
            >>> from datetime import UTC
            >>> from crmkit import CRM, FrozenClock
            >>> clock = FrozenClock(datetime(2026, 3, 2, tzinfo=UTC))
            >>> page, secret = (
            ...     "https://studio.example/survey/{token}",
            ...     {"service.survey_secret": lambda: "known to nobody else"},
            ... )
            >>> with CRM.open(answers=secret, clock=clock) as crm:
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
            ...     _ = crm.service.surveys.ask_regularly("satisfaction", every=timedelta(days=90), link=page)
            ...     for _ in range(3):
            ...         _ = crm.run_due(), clock.advance(days=90)
            ...     crm.service.surveys.reach("satisfaction").sent
            3
        """
        with self.work() as work:
            asking = _asked(work, survey, Customer, rule, occasion="period", link=link, every=every, **how)
            begin = work.now if start is None else utc(start, what="start")
            plan_round(work, asking, due_at=begin, began=begin)
            return asking

    def stop_asking(self, survey: Survey | str) -> None:
        """Send a survey no longer; links that are on their way can still be answered.

        Raises:
            NotFound: there is no such survey.

        Example:
            >>> from crmkit import CRM
            >>> page, secret = (
            ...     "https://studio.example/survey/{token}",
            ...     {"service.survey_secret": lambda: "known to nobody else"},
            ... )
            >>> with CRM.open(answers=secret) as crm:
            ...     _ = crm.service.surveys.ask_after_resolution("satisfaction", link=page)
            ...     crm.service.surveys.stop_asking("satisfaction")
            ...     wang = crm.customers.register(name="Xiao Wang", email="wang@example.com")
            ...     _ = crm.customers.consents.grant(wang, channel="email", purpose="research", source="form")
            ...     _ = crm.service.cases.resolve(crm.service.cases.open(wang, subject="Opening hours?"))
            ...     _ = crm.run_due()
            ...     crm.service.surveys.reach("satisfaction").sent
            0
        """
        with self.work() as work:
            known = work.first(Asking, F.survey_id == survey_called(work, survey).id)
            if known is not None and known.active:
                work.cancel(known.id, kind=ROUND)
                work.save(_planned(known.evolve(active=False)))


def _asked(work: Work, survey: Survey | str, about: type[Record], rule: Rule | None, **how: Any) -> Asking:
    unknown = sorted(how.keys() - {*OURS, *HOW})
    if unknown:
        raise InvalidInput(f"a survey is not sent with {unknown[0]!r}=; there is {', '.join(HOW)}")
    secrets_of(work)
    if rule is not None:
        work.plan(about, rule)
    if "channels" in how:
        how["channels"] = tuple(_channel(each) for each in several(how["channels"], what="channels"))
    asked = ready(work, survey)
    values = {**how, "rule": None if rule is None else to_json(rule), "active": True}
    known = work.first(Asking, F.survey_id == asked.id)
    if known is None:
        return work.save(_planned(work.new(Asking, survey_id=asked.id, **values)))
    work.cancel(known.id, kind=ROUND)
    return work.save(_planned(known.evolve(**values)))


def _channel(value: str) -> str:
    """A channel of the host's own is as good as the usual ones, unless it is one of them with an error in it."""
    channel = word(value, what="channel")
    meant = None if channel in USUAL else nearest(channel, USUAL)
    if meant is not None:
        raise InvalidInput(f"channels= has {value!r}: did you mean {meant!r}?")
    return channel


def _planned(asking: Asking) -> Change[Asking]:
    return Change(asking, (AskingPlanned(asking_id=asking.id, survey_id=asking.survey_id, active=asking.active),))
