"""Receivables: what customers still have to pay, in which parts, and for how long it has been due."""

from crmkit.pipeline.receivables.ageing import Ageing, Receivable
from crmkit.pipeline.receivables.desk import (
    PaymentDueSoon,
    PaymentOverdue,
    Receivables,
)
from crmkit.pipeline.receivables.instalments import Instalment, Part, PaymentPlanned

__all__ = [
    "Ageing",
    "Instalment",
    "Part",
    "PaymentDueSoon",
    "PaymentOverdue",
    "PaymentPlanned",
    "Receivable",
    "Receivables",
]
