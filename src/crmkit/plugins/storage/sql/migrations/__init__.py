"""The schema's history: Alembic revisions that ship with crmkit.  Written by ``make migration``."""

HEAD = "0001"
TABLES = frozenset(
    {
        "activity",
        "agenda_item",
        "campaign",
        "company",
        "consent",
        "conversion",
        "customer",
        "deal_state",
        "event",
        "expense",
        "journey",
        "journey_run",
        "lead",
        "life_event",
        "membership",
        "message",
        "opportunity",
        "order",
        "order_line",
        "payment",
        "pipeline_definition",
        "product",
        "relationship",
        "salesperson",
        "segment",
        "send",
        "stage_span",
        "standing",
        "template",
    }
)
