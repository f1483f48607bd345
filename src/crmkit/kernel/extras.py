"""Custom fields: a host keeps values of its own on any entity, typed for every checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from crmkit.errors import DefinitionError, InvalidInput


class Extra(BaseModel):
    """Custom fields of one owner, stored on an entity under a key of their own.

    Give every field a default: entities that were stored before the class existed read as the defaults.

    >>> class Loyalty(Extra, key="loyalty"):
    ...     tier: str = "silver"
    ...     points: int = 0
    >>> Loyalty.load({"points": 7})
    Loyalty(tier='silver', points=7)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: ClassVar[str]

    def __init_subclass__(cls, key: str = "", **settings: Any) -> None:
        """Take the key, which pydantic hands on to :meth:`__pydantic_init_subclass__` once the fields are known."""
        super().__init_subclass__(**settings)

    @classmethod
    def __pydantic_init_subclass__(cls, key: str = "", **_: Any) -> None:
        """Remember the key and insist on defaults."""
        cls.key = key or getattr(cls, "key", "")
        if not cls.key.isidentifier():
            raise DefinitionError(f'{cls.__name__} needs a key: class {cls.__name__}(Extra, key="…")')
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        if required:
            raise DefinitionError(f"{cls.__name__}.{required[0]} needs a default: older entities have no value for it")

    @classmethod
    def upgrade(cls, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change values that an older version of the class has stored; override it when fields are renamed."""
        return stored

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> Self:
        """The stored values as an instance."""
        try:
            return cls.model_validate(cls.upgrade(stored or {}))
        except ValidationError as error:
            raise InvalidInput(f"stored {cls.key} values don't fit {cls.__name__}: {error}") from error

    def dump(self) -> dict[str, Any]:
        """The values as JSON keeps them."""
        return self.model_dump(mode="json")
