"""The SQL engine: a plan becomes a condition of SQLAlchemy Core.

SQL's third truth value never shows.  Every test is written out for the side that is wanted (*holds* or *fails*), so
that no NOT ever stands over something unknown: ``fails`` says "missing, or not" where ``holds`` lets unknown count as
no.

``words`` says what the databases say in different words, ``values`` what an operand is worth, ``related`` asks for
related rows, ``totals`` adds them up, ``conditions`` puts all of it together, and ``ordering`` sorts.
"""

from crmkit.plugins.storage.sql.compile.conditions import Compiler
from crmkit.plugins.storage.sql.compile.words import Condition, json_path

__all__ = ["Compiler", "Condition", "json_path"]
