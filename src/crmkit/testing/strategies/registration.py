"""Registration with Hypothesis, which asks for it while it loads itself: nothing here needs it before it is called."""

from __future__ import annotations

from crmkit.kernel.entity import Entity


def register(*classes: type[Entity]) -> None:
    """Let ``st.from_type`` (and so ``st.builds`` and ``@given(...)`` with ``infer``) make money and entities.

    Called when Hypothesis is imported, for all that has been declared and will be, entities of a host among them.

    Args:
        classes: only these; all that has been declared unless given.

    Example:
        >>> from hypothesis import find
        >>> from hypothesis import strategies as st
        >>> from crmkit.customers.people import Customer
        >>> register(Customer)
        >>> find(st.from_type(Customer), lambda customer: customer.city is not None).version
        1
    """
    from crmkit.testing.strategies.entities import register_types  # noqa: PLC0415 - it loads Hypothesis

    register_types(*classes)
