"""Scoring: how much a lead is worth to be pursued, by rules and by what was learned from others."""

from crmkit.pipeline.scoring.bayes import CAREFUL, ODOO, Factor, Judgement, Method, Outcome, Table
from crmkit.pipeline.scoring.desk import Score, Scoring
from crmkit.pipeline.scoring.model import LeadModel
from crmkit.pipeline.scoring.points import Earned, PointRule

__all__ = [
    "CAREFUL",
    "ODOO",
    "Earned",
    "Factor",
    "Judgement",
    "LeadModel",
    "Method",
    "Outcome",
    "PointRule",
    "Score",
    "Scoring",
    "Table",
]
