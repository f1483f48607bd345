"""Reading rules from text.

::

    rule       = odd { "or" odd }         odd = all { "xor" all }         all = one { "and" one }
    one        = "not" one | "(" rule ")" | "everyone" | "no one" | "in segment" TEXT | "any" rows | comparison
               | ("all" | "any" | "odd") "of" "(" [rule {"," rule}] ")" | rows "then" rows "in" NUMBER "hours"
    comparison = value ("=" | "!=" | "<" | "<=" | ">" | ">=") value | value ["not"] "in" ("(" values ")" | window)
               | value "is" ["not"] ("missing" | "known") | value ["not"] ("contains" | "starts with" | …) TEXT
               | value "has" ["any" | "none"] (TEXT | "(" texts ")") | value "held" [TEXT] "for" measure
               | value "anniversary" ["in" NUMBER "days"]
    value      = path | path "." part ["()"] | rows "." function ["(" path ")"] | literal
               | "bucket" "(" NUMBER "," TEXT ")"
    rows       = path ["[" rule [(";" | ",") window] "]"]
    window     = ("last" | "next" | "before last") measure | ["since" moment] ["until" moment]
    measure    = NUMBER ("seconds" | "hours" | "days" | "weeks" | "months" | "years") { … }

>>> from crmkit.kernel.rules.parse import parse
>>> print(parse('orders[status = "paid", last 90 days].count >= 3 and not tags has "vip"'))
orders[status = "paid"; last 90 days].count() >= 3 and not tags has ("vip")
"""

from __future__ import annotations

from unicodedata import normalize

from crmkit.errors import DefinitionError
from crmkit.kernel.rules.nodes import Rule
from crmkit.kernel.rules.parse.conditions import Conditions
from crmkit.kernel.text import shown

TEXT_LIMIT = 5_000_000


def parse(text: str) -> Rule:
    """The rule that *text* says.

    Raises:
        DefinitionError: it says none; the message points at the place and suggests what may be meant.
    """
    if not isinstance(text, str):
        raise DefinitionError(f"a rule is read from text, not from {shown(text)}")
    if len(text) > TEXT_LIMIT:
        raise DefinitionError(f"a rule has at most {TEXT_LIMIT:,} characters, this text has {len(text):,}")
    reader = Conditions(normalize("NFC", text))  # names too are compared in one form
    rule = reader.rule()
    if reader.kind != "end":
        reader.fail("the end, or 'and' or 'or'")
    return rule
