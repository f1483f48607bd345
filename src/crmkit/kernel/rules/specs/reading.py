"""From JSON to a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from crmkit.errors import DefinitionError
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.specs.forms import RuleSpec

VERSION = "crmkit-rule/1"
DEPTH_LIMIT = 60
SIZE_LIMIT = 250_000


ADAPTER: TypeAdapter[RuleSpec] = TypeAdapter(RuleSpec)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rules, for editors and rule builders."""
    return {"$id": VERSION, "title": "A rule of crmkit", **ADAPTER.json_schema()}


def from_json(spec: Any) -> Rule:
    """The rule that *spec* describes.

    Raises:
        DefinitionError: a part is missing, unknown, too large or nested too deeply; the message says where.
    """
    _measure(spec)
    try:
        return ADAPTER.validate_python(spec).node()
    except ValidationError as error:
        raise DefinitionError(_place(error)) from None


def _measure(spec: Any) -> None:
    """Refuse what is too deep or too large before anything recurses into it."""
    layer, depth, size = [spec], 0, 0
    while layer:
        depth, size = depth + 1, size + len(layer)
        if depth > 3 * DEPTH_LIMIT:
            raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels: flatten it")
        if size > SIZE_LIMIT:
            raise DefinitionError(f"the rule has more than {SIZE_LIMIT:,} parts: keep long lists in a static segment")
        layer = [
            part
            for here in layer
            if isinstance(here, (Mapping, list))
            for part in (here.values() if isinstance(here, Mapping) else here)
        ]


def _place(error: ValidationError) -> str:
    """The deepest thing that is wrong: of the forms a rule may have, the one that was meant got furthest."""
    errors = error.errors(include_url=False)
    unlike = Counter(_form(e["loc"]) for e in errors if e["type"] in {"missing", "extra_forbidden"})
    worst = max(errors, key=lambda e: (-unlike[_form(e["loc"])], len(e["loc"]), e["type"] != "missing"))
    at = ".".join(str(step) for step in worst["loc"] if not str(step).endswith("Spec"))
    return f"the rule's JSON is wrong at {at or 'the top'}: {worst['msg']}, got {str(worst['input'])[:60]!r}"


def _form(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """*place* up to the last form of a rule or a value that was tried there."""
    forms = [n for n, step in enumerate(place) if str(step).endswith("Spec")]
    return place[: forms[-1] + 1] if forms else ()


# ── And back ──
