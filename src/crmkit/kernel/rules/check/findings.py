"""What a check has found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs

from crmkit.kernel.render import printed, table_html, table_md

Severity = Literal["error", "warning", "hint"]


@attrs.frozen
class Finding:
    """One thing to look at.

    Attributes:
        severity: ``error`` for what cannot be meant, ``warning`` for what is probably not meant, ``hint`` for costs.
        about: the part of the rule, as text.
        message: what is wrong and what to do.
    """

    severity: Severity
    about: str
    message: str


@attrs.frozen(kw_only=True)
class Findings:
    """What a check found.

    Attributes:
        complete: false if the rule is too large to be looked at as a whole: its parts and pairs of them were.
        cost: ``field`` (one pass over the entities), ``indexed`` (an index answers), ``related`` (grouped scans of
            related rows), ``nested`` (relations within relations).
    """

    findings: tuple[Finding, ...]
    complete: bool
    cost: str

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __format__(self, form: str) -> str:
        return printed(self, form, md=self._md, html=self._repr_html_)

    def _md(self) -> str:
        return table_md(["severity", "about", "message"], self._rows())

    def _repr_html_(self) -> str:
        return table_html(["severity", "about", "message"], self._rows(), caption=f"cost: {self.cost}")

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(f.severity, f.about, f.message) for f in self.findings]
