"""From JSON to a rule."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from crmkit.errors import DefinitionError
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.specs.forms import RuleSpec
from crmkit.kernel.text import shown

VERSION = "crmkit-rule/1"
DEPTH_LIMIT = 60
SIZE_LIMIT = 400_000
TEXT_LIMIT = 20_000_000


ADAPTER: TypeAdapter[RuleSpec] = TypeAdapter(RuleSpec)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of rules, for editors and rule builders."""
    return {"$id": VERSION, "title": "A rule of crmkit", **ADAPTER.json_schema()}


def from_json(spec: Any) -> Rule:
    """The rule that *spec* describes.

    Args:
        spec: what ``json.loads`` has read; or the text itself (``str`` or UTF-8 ``bytes``), of which then at most 20
            million characters are read, and in which a name that stands twice is refused.

    Raises:
        DefinitionError: a part is missing, unknown, too large or nested too deeply; the message says where.
    """
    if isinstance(spec, (str, bytes)):
        spec = _read(spec)
    measure(spec)
    if isinstance(spec, Mapping) and (said := spec.keys() & {"version", "$schema", "$id"}):
        raise DefinitionError(f"the rule's JSON is wrong at {min(said)}: {VERSION} is read, and it says no version")
    try:
        return ADAPTER.validate_python(spec).node()
    except ValidationError as error:
        raise DefinitionError(_place(error)) from None


def _read(text: str | bytes) -> Any:
    """What the JSON *text* holds."""
    if len(text) > TEXT_LIMIT:
        raise DefinitionError(f"a rule's JSON has at most {TEXT_LIMIT:,} characters, this text has {len(text):,}")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels: flatten it") from None
    except ValueError as error:
        raise DefinitionError(f"the rule's JSON is wrong at the top: {shown(str(error), limit=200)}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice!r} stands there twice")
    return read


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def measure(spec: Any) -> None:
    """Refuse what is too deep or too large: before anything recurses into it, and before anybody stores it."""
    layer, depth, size = [spec], 0, 1
    while layer:
        depth += 1
        holders = [here for here in layer if isinstance(here, (Mapping, list))]
        size += sum(map(len, holders))
        if depth > 3 * DEPTH_LIMIT:
            raise DefinitionError(f"the rule is nested deeper than {DEPTH_LIMIT} levels: flatten it")
        if size > SIZE_LIMIT:
            raise DefinitionError(f"the rule has more than {SIZE_LIMIT:,} parts: keep long lists in a static segment")
        layer = [part for here in holders for part in (here.values() if isinstance(here, Mapping) else here)]


def _place(error: ValidationError) -> str:
    """The deepest thing that is wrong: of the forms a rule may have, the one that was meant got furthest."""
    errors = error.errors(include_url=False)
    unlike = Counter(_form(e["loc"]) for e in errors if e["type"] in {"missing", "extra_forbidden"})
    worst = max(errors, key=lambda e: (-unlike[_form(e["loc"])], len(e["loc"]), e["type"] != "missing"))
    at = ".".join(str(step) for step in worst["loc"] if not str(step).endswith("Spec"))
    return f"the rule's JSON is wrong at {at or 'the top'}: {worst['msg']}, got {_told(worst['input'])}"


def _told(given: Any) -> str:
    """What was given, or how much of it."""
    if isinstance(given, (Mapping, list)) and len(given) > 10:
        return f"{len(given):,} parts"
    return shown(given, limit=60)


def _form(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """*place* up to the last form of a rule or a value that was tried there."""
    forms = [n for n, step in enumerate(place) if str(step).endswith("Spec")]
    return place[: forms[-1] + 1] if forms else ()
