"""Pipelines that ship.  Their numbers are starting points: no two vendors agree on probabilities, so change them."""

from __future__ import annotations

from crmkit.kernel.rules.fields import F
from crmkit.pipeline.stages.definition import SalesPipeline, Stage

STANDARD = SalesPipeline(
    "standard",
    stages=[
        Stage("qualification", probability=10, category="pipeline", expected_days=14),
        Stage("proposal", probability=50, category="best_case", expected_days=10),
        Stage("negotiation", probability=80, category="commit", expected_days=10),
    ],
)
"""Where deals go unless told otherwise."""

B2C = SalesPipeline(
    "b2c",
    stages=[
        Stage("interested", probability=30, category="pipeline", expected_days=3),
        Stage("offer", probability=60, category="best_case", expected_days=7),
    ],
)
"""A short one, for people who buy for themselves."""

B2B = SalesPipeline(
    "b2b",
    moves="stepwise",
    roles=("decision maker", "economic buyer", "champion", "influencer", "user", "blocker"),
    to_win=("amount",),
    stages=[
        Stage("qualification", probability=10, category="pipeline", expected_days=14),
        Stage("discovery", probability=20, category="pipeline", expected_days=21, requires="company_id"),
        Stage(
            "proposal",
            probability=50,
            category="best_case",
            expected_days=14,
            requires=("amount", "close_on"),
            exit=F.roles.where(F.role == "decision maker").any(),
        ),
        Stage("negotiation", probability=75, category="commit", expected_days=14, gate="management"),
    ],
)
"""A long one, for companies: a decision maker must be known, and the management approves before it is negotiated."""

PRESETS = {pipeline.name: pipeline for pipeline in (STANDARD, B2C, B2B)}
