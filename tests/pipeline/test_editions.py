"""Pipelines and alerts are read once and kept; whoever changes them, or takes that back, is heard at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from crmkit import CRM, F, Money, NotFound, Rule, Transaction
from crmkit.kernel.work import Work
from crmkit.pipeline import Stage
from crmkit.pipeline.opportunities.alerts import DealAlert
from crmkit.pipeline.stages.desk import PipelineDefinition, Stages


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[CRM, CRM]]:
    """Two processes of a host, as far as memory goes."""
    named = request.param == "postgresql"
    target = request.getfixturevalue("postgres_database") if named else f"sqlite:///{tmp_path / 'crm.db'}"
    with ExitStack() as exits:
        yield tuple(exits.enter_context(CRM.open(target, migrate=True)) for _ in range(2))  # type: ignore[misc]


def define(crm: CRM, probability: int) -> None:
    crm.pipeline.stages.define("own", stages=[Stage("a", probability=probability), Stage("b")])


def probability(crm: CRM) -> int:
    return int(crm.pipeline.stages.of("own")["a"].probability)


def test_others_hear_at_once(two: tuple[CRM, CRM]) -> None:
    here, there = two
    for number in (10, 20, 30):
        define(here, number)
        assert (probability(here), probability(there)) == (number, number)
    define(there, 40)
    assert probability(here) == 40


def test_alerts_of_others_are_heard_at_once(two: tuple[CRM, CRM]) -> None:
    here, there = two
    wang = here.customers.register(name="Wang")
    deal = here.pipeline.opportunities.open(name="Album", customer=wang, amount=Money(100, "EUR"))

    def told() -> int:
        return [e.name for e in here.customers.timeline(wang)].count("pipeline.deal_alert_raised")

    there.pipeline.opportunities.alerts.define("drop", drop_percent=10)
    deal = here.pipeline.opportunities.update(deal, amount=Money(50, "EUR"))
    assert told() == 1
    there.pipeline.opportunities.alerts.stop("drop")
    here.pipeline.opportunities.update(deal, amount=Money(5, "EUR"))
    assert told() == 1


def defined_and_taken_back(scope: CRM | Transaction, number: int) -> None:
    with scope.work() as work:
        desk = Stages(work)
        desk.define("own", stages=[Stage("a", probability=number)])
        assert int(desk.of("own")["a"].probability) == number
        raise RuntimeError


def test_what_is_taken_back_was_never_there(two: tuple[CRM, CRM]) -> None:
    here, there = two
    define(here, 10)
    for number in (20, 30):
        with pytest.raises(RuntimeError):
            defined_and_taken_back(here, number)
        assert (probability(here), probability(there)) == (10, 10)
    with here.transaction() as tx:
        with pytest.raises(RuntimeError):
            defined_and_taken_back(tx, 50)
        assert int(tx.pipeline.stages.of("own")["a"].probability) == 10
    define(there, 60)
    assert probability(here) == 60


def test_tenants_have_their_own() -> None:
    with CRM.open("memory://") as crm:
        define(crm, 10)
        other = crm.for_tenant("other")
        with pytest.raises(NotFound):
            probability(other)
        define(other, 20)
        assert (probability(crm), probability(other)) == (10, 20)


def nothing_of_them(_: str, cls: type[object]) -> Rule | None:
    return F.id.is_missing() if cls in {PipelineDefinition, DealAlert} else None


def test_who_may_not_see_them_is_held_to_them() -> None:
    with CRM.open("memory://", access=nothing_of_them) as crm:
        define(crm, 10)
        crm.pipeline.opportunities.alerts.define("large", at_least=Money(5, "EUR"))
        wang = crm.customers.register(name="Wang")
        deal = crm.acting_as("ann").pipeline.opportunities.open(
            name="Album", customer=wang, pipeline="own", amount=Money(10, "EUR")
        )
        assert int(deal.probability) == 10
        assert "pipeline.deal_alert_raised" in [e.name for e in crm.customers.timeline(wang)]


def test_moving_a_deal_reads_neither_pipelines_nor_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    with CRM.open("sqlite://") as crm:
        crm.pipeline.opportunities.alerts.define("large", at_least=Money(5, "EUR"))
        deal = crm.pipeline.opportunities.open(name="Album", customer=crm.customers.register(name="Wang"))
        monkeypatch.setattr(Work, "find", None)
        monkeypatch.setattr(Work, "count", None)
        deal = crm.pipeline.opportunities.advance(deal)
        monkeypatch.undo()
        assert crm.pipeline.opportunities.get(deal.id).stage == "proposal"
