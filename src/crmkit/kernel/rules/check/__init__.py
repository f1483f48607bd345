"""Looking for mistakes in a rule before it is used: what can never hold, what always does, what decides nothing.

A rule is said in atoms (``meaning``): that a value is there, that it lies behind a cut (``lines``), that there are
related rows.  What atoms have to do with each other is said in ``lemmas``.  Both become decision diagrams
(``diagram``), in which two rules that mean the same are the same thing (``reasoning``), and ``judging`` looks at no
more than that.  What is not known is taken to be freely true or false, so nothing is called impossible that can be.
"""

from crmkit.kernel.rules.check.findings import Finding, Findings
from crmkit.kernel.rules.check.judging import check, check_order

__all__ = ["Finding", "Findings", "check", "check_order"]
