"""Hypothesis strategies: everything that crmkit keeps can be generated, from its declaration.

>>> from hypothesis import given
>>> from crmkit.customers.people import Customer
>>> from crmkit.testing.strategies import entities
>>> @given(entities(Customer))
... def test_a_customer_is_at_the_version_that_it_was_stored_with(customer: Customer) -> None:
...     assert customer.version == 1
>>> test_a_customer_is_at_the_version_that_it_was_stored_with()
"""

from crmkit.testing.strategies.registration import register

# isort: split
# Hypothesis asks for `register` while it loads, so it loads here: this is known by now, and nothing else has begun.
import hypothesis  # noqa: F401 - see above

# isort: split
from crmkit.testing.strategies.entities import entities, extras, families
from crmkit.testing.strategies.machines import walks
from crmkit.testing.strategies.rules import rules
from crmkit.testing.strategies.values import days, instants, money, tags, texts
from crmkit.testing.strategies.worlds import worlds

__all__ = [
    "days",
    "entities",
    "extras",
    "families",
    "instants",
    "money",
    "register",
    "rules",
    "tags",
    "texts",
    "walks",
    "worlds",
]
