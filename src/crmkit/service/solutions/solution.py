"""What a solution is: an answer that has helped, written down so that it helps again."""

from __future__ import annotations

from datetime import datetime

from crmkit.kernel.entity import Entity, Index, Record, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.machine import Machine, on


@entity(
    "solution",
    prefix="sol",
    indexes=[Index(attributes=("original_id", "language"), unique=True), Index(attributes=("stage", "length"))],
)
class Solution(Entity):
    """An answer to a question that customers ask.

    Attributes:
        language: BCP 47 tag of the text.
        original_id: the solution that this one says in another language.
        edition: raised by every change of the text.
        length: how many words it has, by which it is found.
    """

    title: str = attribute(search=True)
    body: str = attribute(multiline=True)
    keywords: frozenset[str] = attribute(default=frozenset())
    language: str = attribute(default="en", index=True)
    original_id: str | None = attribute(default=None, references="solution", reverse="translations")
    stage: str = attribute(default="draft")
    stage_since: datetime = attribute()
    author: str | None = attribute(default=None)
    edition: int = attribute(default=1)
    length: int = attribute(default=0)


@entity(
    "solution_edition",
    prefix="sed",
    append_only=True,
    when="published_at",
    indexes=[Index(attributes=("solution_id", "edition"), unique=True)],
)
class SolutionEdition(Record):
    """What a solution said when it was published."""

    solution_id: str = attribute(references="solution", reverse="editions")
    edition: int = attribute()
    title: str = attribute()
    body: str = attribute(multiline=True)
    keywords: frozenset[str] = attribute(default=frozenset())
    language: str = attribute()
    published_at: datetime = attribute()
    published_by: str | None = attribute(default=None)


@event("service.solution_written")
class SolutionWritten(Event):
    """A solution is new or says something else."""

    solution_id: str
    edition: int


SOLUTION = Machine(
    "solution",
    initial="draft",
    final={"withdrawn"},
    table=(
        on("submit", "draft", "review"),
        on("return", "review", "draft", needs="reason"),
        on("publish", {"draft", "review"}, "published"),
        on("revise", "published", "draft"),
        on("withdraw", {"draft", "review", "published"}, "withdrawn", needs="reason"),
    ),
)
