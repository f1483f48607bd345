"""Surveys, metrics, solutions and routing on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmkit import CRM, Refused
from crmkit.service.surveys.links import SECRET
from crmkit.testing import FrozenClock


def test_a_case_from_its_arrival_to_the_figures(postgres_database: str, clock: FrozenClock) -> None:
    answers = {SECRET: lambda: b"a secret of sixteen bytes or more"}
    with CRM.open(postgres_database, clock=clock, migrate=True, answers=answers) as crm:
        service = crm.service
        service.surveys.ask_after_resolution("satisfaction", link="https://x.example/{token}")
        service.routing.define("studio", automatic=True, rate=2, window=timedelta(hours=1))
        service.agents.define("xu", queues=["studio"], limit=1)
        solution = service.solutions.publish(service.solutions.draft(title="相册什么时候寄出", body="两周之内。"))
        service.solutions.rate(solution, helpful=True)
        li = crm.customers.register(name="Li", email="li@x.example")
        crm.customers.consents.grant(li, channel="email", purpose="research", source="form")
        case = service.cases.open(li, subject="我的相册在哪里？")
        waiting = service.cases.open(li, subject="When?")
        assert (case.owner, waiting.owner) == ("xu", None)
        assert [(s.solution.id, s.helpful) for s in service.solutions.suggest(case)] == [(solution.id, 1)]
        clock.advance(minutes=10)
        service.cases.resolve(service.cases.reply(case, "两周之内", by="xu"), solution="两周之内")
        assert service.cases.get(waiting.id).owner == "xu"
        assert crm.run_due().ran == 1
        token = crm.outbox.due()[0].body.rpartition("/")[2]
        service.surveys.answer_link(token, score=5)
        with pytest.raises(Refused, match="has been used"):
            service.surveys.answer_link(token, score=5)
        assert [(g.group, g.score) for g in service.surveys.results(by="month").groups] == [("2026-03", 1.0)]
        report = service.metrics.report(since=case.opened_at, until=clock.now() + timedelta(days=1), by="owner")
        assert [(g.group, g.resolved, g.first_contact_rate) for g in report.groups] == [("xu", 1, 1.0)]
        assert report.groups[0].waiting.wall == timedelta(minutes=10)
        assert service.metrics.backlog(by="owner").groups == {"xu": (1, 0, 0, 0, 0, 0)}
        assert [(load.agent, load.open) for load in service.metrics.load()] == [("xu", 1)]
