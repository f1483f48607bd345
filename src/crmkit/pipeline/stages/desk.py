"""Pipelines of a tenant: the presets, and what was defined in their place or beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmkit.errors import DefinitionError, NotFound
from crmkit.kernel.change import Change
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.rules import F
from crmkit.kernel.text import nearest
from crmkit.kernel.work import Work
from crmkit.pipeline.stages.definition import Moves, SalesPipeline, Stage
from crmkit.pipeline.stages.edition import kept, renewed
from crmkit.pipeline.stages.presets import PRESETS


@entity("pipeline_definition", prefix="pipe")
class PipelineDefinition(Entity):
    """A pipeline that a tenant has defined.

    Attributes:
        spec: its JSON form.
    """

    name: str = attribute(unique=True, limit=60)
    spec: Mapping[str, Any] = attribute()

    def read(self) -> SalesPipeline:
        """The pipeline as a value."""
        return SalesPipeline.from_json(self.spec)


@event("pipeline.pipeline_defined")
class PipelineDefined(Event):
    """The stages of a pipeline were laid down, or changed."""

    definition_id: str
    name: str
    stages: tuple[str, ...]


class Stages(Collection[PipelineDefinition]):
    """What ``crm.pipeline.stages`` offers: the pipelines and their stages."""

    cls = PipelineDefinition

    def define(
        self,
        name: str | SalesPipeline,
        *,
        stages: Sequence[Stage] = (),
        moves: Moves = "free",
        roles: Sequence[str] = (),
        to_win: Sequence[str] = (),
        lost_reasons: Sequence[str] = (),
    ) -> SalesPipeline:
        """Lay down a pipeline, or change one.

        Deals keep the probability and category that they got when they entered a stage (as in Salesforce): a changed
        stage counts for those who enter it from now on.

        Args:
            name: how it is called; ``"standard"`` is where deals go unless told otherwise.  Or a whole pipeline.
            stages: the open stages in order.
            moves: which moves are allowed, see :class:`SalesPipeline`.
            roles: the buying roles that matter.
            to_win: attributes that a deal must have before it is won.
            lost_reasons: the reasons that may be given when a deal is lost.

        Raises:
            DefinitionError: the stages don't make a pipeline, or ask for something that deals don't have.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.pipeline import Stage
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.stages.define("shop", stages=[Stage("offer", probability=60)])
            ...     crm.pipeline.stages.of("shop")["offer"].probability
            Decimal('60')
        """
        made = name if isinstance(name, SalesPipeline) else None
        made = made or SalesPipeline(
            str(name), stages=stages, moves=moves, roles=roles, to_win=to_win, lost_reasons=lost_reasons
        )
        with self.work() as work:
            _check(work, made)
            known = work.first(PipelineDefinition, F.name == made.name)
            spec = made.to_json()
            after = (
                work.new(PipelineDefinition, name=made.name, spec=spec) if known is None else known.evolve(spec=spec)
            )
            names = tuple(stage.name for stage in made.stages)
            work.save(Change(after, (PipelineDefined(definition_id=after.id, name=made.name, stages=names),)))
            renewed(work)
        return made

    def of(self, name: str) -> SalesPipeline:
        """The pipeline called *name*.

        Raises:
            NotFound: there is none.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     [(stage.name, str(stage.probability)) for stage in crm.pipeline.stages.of("standard").stages]
            [('qualification', '10'), ('proposal', '50'), ('negotiation', '80')]
        """
        with self.read() as work:
            return pipeline_of(work, name)

    def names(self) -> list[str]:
        """How the pipelines are called: presets and own ones.

        Example:
            >>> from crmkit import CRM
            >>> from crmkit.pipeline import Stage
            >>> with CRM.open() as crm:
            ...     _ = crm.pipeline.stages.define("banquets", stages=[Stage("tasting", probability=40)])
            ...     crm.pipeline.stages.names()
            ['b2b', 'b2c', 'banquets', 'standard']
        """
        with self.read() as work:
            return sorted({*PRESETS, *(name for (name,) in work.columns(PipelineDefinition, ["name"]))})


def _check(work: Work, made: SalesPipeline) -> None:
    """Refuse a pipeline that asks for what deals don't have, before any deal meets it."""
    registry = work.house.registry
    deals = registry.schema("opportunity")
    for name in (*made.to_win, *(field for stage in made.stages for field in stage.requires)):
        if name.startswith("extra."):
            registry.extra_kind(tuple(name.split(".")[1:]))
        elif name not in deals:
            near = nearest(name, deals.by_name)
            hint = f", did you mean {near!r}?" if near else ""
            raise DefinitionError(f"pipeline {made.name} asks for {name!r}, which no opportunity has{hint}")
    for stage in made.stages:
        if stage.exit is not None:
            work.plan(deals.cls, stage.exit)


def pipeline_of(work: Work, name: str) -> SalesPipeline:
    """The pipeline called *name*: what the tenant has defined, else the preset."""
    defined = kept(work, PipelineDefinition, _by_name)
    if name in defined:
        return defined[name]
    if name not in PRESETS:
        near = nearest(name, {*PRESETS, *defined})
        hint = f", did you mean {near!r}?" if near else f"; define it with crm.pipeline.stages.define({name!r}, …)"
        raise NotFound(f"there is no pipeline {name!r}{hint}")
    return PRESETS[name]


def _by_name(definitions: list[PipelineDefinition]) -> dict[str, SalesPipeline]:
    return {definition.name: definition.read() for definition in definitions}
