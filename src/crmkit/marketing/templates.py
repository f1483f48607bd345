"""Templates: texts that are made for each customer.

Jinja2, in its sandbox.  A variable that does not exist is an error, and so is a missing value that would be printed:
rather no message than "Dear None".  Write ``{{ customer.city or "your city" }}`` where a value may be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import attrs

from crmkit.customers.people import Customer
from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.change import Change
from crmkit.kernel.clock import local_date
from crmkit.kernel.collection import Collection
from crmkit.kernel.entity import TEXT_LIMIT, Entity, attribute, entity
from crmkit.kernel.events import Event, event
from crmkit.kernel.render import card_html, card_md, printed
from crmkit.kernel.text import nearest, several
from crmkit.kernel.work import Work

if TYPE_CHECKING:
    from jinja2 import Environment, nodes

CUSTOMER_FIELDS = (
    "name",
    "email",
    "phone",
    "birthday",
    "gender",
    "occupation",
    "marital_status",
    "street",
    "postcode",
    "city",
    "region",
    "country",
    "language",
    "role",
    "tags",
)
ALWAYS = ("customer", "today")
PARTS = ("subject", "body", "html")


@entity("template", prefix="tpl")
class Template(Entity):
    """A text with places for what differs from customer to customer.

    Attributes:
        subject: one line; ways without a subject leave it out.
        body: plain text.
        html: the same as HTML; what is put in is escaped.
        variables: what is given with each send, beside ``customer`` and ``today``.
        edition: raised by every change.
    """

    name: str = attribute(unique=True)
    subject: str | None = attribute(default=None, limit=1000)
    body: str = attribute(multiline=True)
    html: str | None = attribute(default=None, multiline=True, limit=500_000)
    variables: frozenset[str] = attribute(default=frozenset())
    edition: int = attribute(default=1)

    def render(self, values: Mapping[str, Any]) -> Rendered:
        """The texts with *values* put in.

        Raises:
            InvalidInput: a value is missing; the message says which and where.
        """
        texts = {part: _filled(self, part, values) for part in PARTS}
        subject = texts["subject"]
        return Rendered(
            subject=None if subject is None else " ".join(subject.split()),
            body=texts["body"] or "",
            html=texts["html"],
        )


@attrs.frozen(kw_only=True)
class Rendered:
    """A message as one customer gets it."""

    subject: str | None
    body: str
    html: str | None = None

    def __format__(self, form: str) -> str:
        return printed(
            self, form, md=lambda: card_md(self.subject or "(no subject)", {"body": self.body}), html=self._repr_html_
        )

    def _repr_html_(self) -> str:
        return self.html or card_html(self.subject or "(no subject)", {"body": self.body})


@event("marketing.template_defined")
class TemplateDefined(Event):
    """A template has a new text."""

    template_id: str
    name: str
    edition: int


class Templates(Collection[Template]):
    """What ``crm.marketing.templates`` offers; a template is named by its name, its id or the entity."""

    cls = Template

    def define(
        self,
        name: str,
        *,
        body: str,
        subject: str | None = None,
        html: str | None = None,
        variables: Iterable[str] = (),
    ) -> Template:
        """Write a template; a name that is known gets the new texts.

        Args:
            name: as people call it.
            body: plain text; ``{{ customer.name }}`` is replaced for each customer.
            subject: one line.
            html: the same as HTML.
            variables: what is given with each send, beside ``customer`` and ``today``.

        Raises:
            DefinitionError: the text is no template, or asks for what does not exist; the message says where.
            InvalidInput: a text is too long, or *variables* is one text where several are meant.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.marketing.templates.define("hello", subject="Hello {{ customer.name }}", body="…")
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     crm.marketing.templates.preview("hello", wang).subject
            'Hello Xiao Wang'
        """
        with self.work() as work:
            texts = {"subject": subject, "body": body, "html": html}
            declared = frozenset(several(variables, what="variables"))
            known = work.called(Template, name)
            if known is None:
                template = work.new(Template, name=name, variables=declared, **texts)
            else:
                template = known.evolve(variables=declared, **texts)
                if template == known:
                    return known
                template = template.evolve(edition=known.edition + 1)
            for part in PARTS:
                _check(template, part)
            fact = TemplateDefined(template_id=template.id, name=template.name, edition=template.edition)
            return work.save(Change(template, (fact,)))

    def get(self, ref: Template | str) -> Template:
        """One template by name, id or entity.

        Raises:
            NotFound: there is none; the message names the nearest.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     _ = crm.marketing.templates.define("hello", subject="Hello", body="…")
            ...     _ = crm.marketing.templates.define("hello", subject="Good day", body="…")
            ...     template = crm.marketing.templates.get("hello")
            ...     template.subject, template.edition
            ('Good day', 2)
        """
        with self.read() as work:
            return template_of(work, ref)

    def preview(
        self, template: Template | str, customer: Customer | str, *, values: Mapping[str, Any] | None = None
    ) -> Rendered:
        """What a customer would get; nothing is sent.

        Args:
            template: which one.
            customer: who.
            values: the template's variables.

        Raises:
            NotFound: there is no such template, or no such customer.
            InvalidInput: a value that the text prints is missing.

        Example:
            >>> from crmkit import CRM
            >>> with CRM.open() as crm:
            ...     text = "Dear {{ customer.name }}, see you at {{ table }} in {{ customer.city or 'our house' }}."
            ...     _ = crm.marketing.templates.define("table", body=text, variables=["table"])
            ...     zhao = crm.customers.register(name="Lao Zhao")
            ...     crm.marketing.templates.preview("table", zhao, values={"table": "table 7"}).body
            'Dear Lao Zhao, see you at table 7 in our house.'
        """
        with self.read() as work:
            return template_of(work, template).render(seen(work, work.get(Customer, customer), values or {}))


def template_of(work: Work, ref: Template | str) -> Template:
    """The template that is meant."""
    return work.named(Template, ref, otherwise="define it with crm.marketing.templates.define(…)")


def seen(work: Work, customer: Customer, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a template may look at: fields of the customer, never the entity, and plain values."""
    fields = {name: getattr(customer, name) for name in CUSTOMER_FIELDS}
    view = {**fields, "tags": sorted(customer.tags), "extra": dict(customer.extras)}
    return {**values, "customer": view, "today": local_date(work.now, work.settings.zone)}


# ── Jinja2 ──


@lru_cache(maxsize=2)
def _environment(*, escape: bool) -> Environment:
    from jinja2 import StrictUndefined, UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            sizes = [len(v) if isinstance(v, (str, list, tuple)) else abs(v) for v in (left, right)]
            if (operator == "**" and max(sizes) > 100) or sizes[0] * sizes[1] > 10**12 or _long(left, right, sizes):
                raise UndefinedError(f"{operator} makes something too large")
            return super().call_binop(context, operator, left, right)

    def no_hole(value: Any) -> Any:
        if value is None:
            raise UndefinedError("a value that is printed is missing; write {{ … or 'something else' }}")
        return value

    return Sandbox(undefined=StrictUndefined, autoescape=escape, finalize=no_hole, keep_trailing_newline=True)


def _long(left: Any, right: Any, sizes: list[Any]) -> bool:
    return any(isinstance(v, (str, list, tuple)) for v in (left, right)) and sizes[0] * sizes[1] > TEXT_LIMIT


@lru_cache(maxsize=512)
def _compiled(text: str, *, escape: bool) -> Any:
    return _environment(escape=escape).from_string(text)


def _filled(template: Template, part: str, values: Mapping[str, Any]) -> str | None:
    text: str | None = getattr(template, part)
    if text is None:
        return None
    from jinja2 import TemplateError

    try:
        made: str = _compiled(text, escape=part == "html").render(values)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InvalidInput(f"template {template.name!r}, {part}: {error}") from None
    return made


def _check(template: Template, part: str) -> None:
    text: str | None = getattr(template, part)
    if text is None:
        return
    from jinja2 import TemplateSyntaxError, meta, nodes

    where = f"template {template.name!r}, {part}"
    try:
        tree = _environment(escape=part == "html").parse(text)
        _compiled(text, escape=part == "html")
    except TemplateSyntaxError as error:
        raise DefinitionError(f"{where}, line {error.lineno}: {error.message}") from None
    known = {*ALWAYS, *template.variables}
    for name in sorted(meta.find_undeclared_variables(tree) - known):
        raise DefinitionError(f"{where}: there is no {name!r}{_near(name, known)}; others are declared by variables=")
    for access in tree.find_all(nodes.Getattr):
        _check_field(access, where)


def _check_field(access: nodes.Getattr, where: str) -> None:
    owner = access.node
    if getattr(owner, "name", None) == "customer" and access.attr not in {*CUSTOMER_FIELDS, "extra"}:
        hint = _near(access.attr, CUSTOMER_FIELDS)
        raise DefinitionError(f"{where}, line {access.lineno}: a template sees no customer.{access.attr}{hint}")


def _near(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f", did you mean {near!r}?" if near else ""
