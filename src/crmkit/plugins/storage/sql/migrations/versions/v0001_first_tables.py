"""Schema version 0001: first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade(*, prefix: str, schema: str | None) -> None:
    """Make the change; *prefix* and *schema* are those of the tables."""
    at = "" if schema is None else f"{schema}."
    op.create_table(
        f"{prefix}agenda_item",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_error", TEXT, nullable=True),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}agenda_item_due_at_idx",
        f"{prefix}agenda_item",
        ["tenant", "due_at"],
        schema=schema,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        f"{prefix}agenda_item_key_key", f"{prefix}agenda_item", ["tenant", "key"], unique=True, schema=schema
    )
    op.create_index(f"{prefix}agenda_item_kind_idx", f"{prefix}agenda_item", ["tenant", "kind"], schema=schema)
    op.create_index(f"{prefix}agenda_item_subject_idx", f"{prefix}agenda_item", ["tenant", "subject"], schema=schema)
    op.create_table(
        f"{prefix}agent",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("skills", JSON, nullable=False),
        sa.Column("queues", JSON, nullable=False),
        sa.Column("available", sa.Boolean(), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=True),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}agent_available_idx", f"{prefix}agent", ["tenant", "available"], schema=schema)
    op.create_index(f"{prefix}agent_name_key", f"{prefix}agent", ["tenant", "name"], unique=True, schema=schema)
    op.create_table(
        f"{prefix}assignment_entry",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("people", JSON, nullable=False),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("how", TEXT, nullable=False),
        sa.Column("skills", JSON, nullable=False),
        sa.Column("speaks", TEXT, nullable=True),
        sa.Column("local", sa.Boolean(), nullable=False),
        sa.Column("go_on", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}assignment_entry_name_key",
        f"{prefix}assignment_entry",
        ["tenant", "name"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}assignment_entry_position_idx", f"{prefix}assignment_entry", ["tenant", "position"], schema=schema
    )
    op.create_table(
        f"{prefix}assignment_setup",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("at_capture", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}assignment_setup_name_key",
        f"{prefix}assignment_setup",
        ["tenant", "name"],
        unique=True,
        schema=schema,
    )
    op.create_table(
        f"{prefix}campaign",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("network", TEXT, nullable=True),
        sa.Column("budget", sa.BigInteger(), nullable=True),
        sa.Column("budget_currency", sa.String(length=3), nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}campaign_name_key", f"{prefix}campaign", ["tenant", "name"], unique=True, schema=schema)
    op.create_index(f"{prefix}campaign_network_idx", f"{prefix}campaign", ["tenant", "network"], schema=schema)
    op.create_index(f"{prefix}campaign_owner_idx", f"{prefix}campaign", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}campaign_status_idx", f"{prefix}campaign", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}campaign_updated_at_idx", f"{prefix}campaign", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}case_kind",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("machine", JSON, nullable=False),
        sa.Column("statuses", JSON, nullable=False),
        sa.Column("lines", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}case_kind_name_key", f"{prefix}case_kind", ["tenant", "name"], unique=True, schema=schema)
    op.create_table(
        f"{prefix}commission_plan",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=True),
        sa.Column("fixed", sa.BigInteger(), nullable=True),
        sa.Column("fixed_currency", sa.String(length=3), nullable=True),
        sa.Column("sections", JSON, nullable=False),
        sa.Column("people", JSON, nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}commission_plan_name_key", f"{prefix}commission_plan", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_index(
        f"{prefix}commission_plan_position_idx", f"{prefix}commission_plan", ["tenant", "position"], schema=schema
    )
    op.create_table(
        f"{prefix}company",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_folded", TEXT, nullable=False),
        sa.Column("domain", TEXT, nullable=True),
        sa.Column("industry", TEXT, nullable=True),
        sa.Column("employees", sa.BigInteger(), nullable=True),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("phone", TEXT, nullable=True),
        sa.Column("city", TEXT, nullable=True),
        sa.Column("region", TEXT, nullable=True),
        sa.Column("country", TEXT, nullable=True),
        sa.Column("parent_id", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "parent_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}company_parent_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}company_domain_idx", f"{prefix}company", ["tenant", "domain"], schema=schema)
    op.create_index(f"{prefix}company_industry_idx", f"{prefix}company", ["tenant", "industry"], schema=schema)
    op.create_index(f"{prefix}company_name_idx", f"{prefix}company", ["tenant", "name"], schema=schema)
    op.create_index(f"{prefix}company_owner_idx", f"{prefix}company", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}company_parent_id_idx", f"{prefix}company", ["tenant", "parent_id"], schema=schema)
    op.create_index(f"{prefix}company_phone_idx", f"{prefix}company", ["tenant", "phone"], schema=schema)
    op.create_index(f"{prefix}company_updated_at_idx", f"{prefix}company", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}contact_policy",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}contact_policy_name_key", f"{prefix}contact_policy", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}deal_alert",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=True),
        sa.Column("days", sa.BigInteger(), nullable=True),
        sa.Column("notify", TEXT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}deal_alert_name_key", f"{prefix}deal_alert", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}deal_rules",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("edition", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_table(
        f"{prefix}event",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("schema", sa.BigInteger(), nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("actor", TEXT, nullable=True),
        sa.Column("cause", TEXT, nullable=True),
        sa.Column("payload", JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}event_customer_id_idx", f"{prefix}event", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}event_name_idx", f"{prefix}event", ["tenant", "name"], schema=schema)
    op.create_index(f"{prefix}event_subject_idx", f"{prefix}event", ["tenant", "subject"], schema=schema)
    op.create_table(
        f"{prefix}follow_up",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("reminder", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}follow_up_name_key", f"{prefix}follow_up", ["tenant", "name"], unique=True, schema=schema)
    op.create_table(
        f"{prefix}forecast_adjustment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("by", TEXT, nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}forecast_adjustment_starts_on_en_639126f3_key",
        f"{prefix}forecast_adjustment",
        ["tenant", "starts_on", "ends_on", "person", "category"],
        unique=True,
        schema=schema,
    )
    op.create_table(
        f"{prefix}forecast_snapshot",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=True),
        sa.Column("numbers", JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}forecast_snapshot_starts_on_idx", f"{prefix}forecast_snapshot", ["tenant", "starts_on"], schema=schema
    )
    op.create_table(
        f"{prefix}journey",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("on", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("editions", JSON, nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("leave_when", JSON, nullable=True),
        sa.Column("within_days", sa.BigInteger(), nullable=True),
        sa.Column("again", TEXT, nullable=False),
        sa.Column("listens", JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}journey_name_key", f"{prefix}journey", ["tenant", "name"], unique=True, schema=schema)
    op.create_index(f"{prefix}journey_on_idx", f"{prefix}journey", ["tenant", "on"], schema=schema)
    op.create_index(f"{prefix}journey_status_idx", f"{prefix}journey", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}journey_updated_at_idx", f"{prefix}journey", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}lead_model",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("stages", JSON, nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("every", sa.BigInteger(), nullable=True),
        sa.Column("cells", JSON, nullable=False),
        sa.Column("learned_from", sa.BigInteger(), nullable=False),
        sa.Column("counted_to", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}lead_model_name_key", f"{prefix}lead_model", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}loyalty_program",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("point_for", sa.BigInteger(), nullable=False),
        sa.Column("point_for_currency", sa.String(length=3), nullable=False),
        sa.Column("valid_months", sa.BigInteger(), nullable=True),
        sa.Column("tiers", JSON, nullable=False),
        sa.Column("tier_months", sa.BigInteger(), nullable=False),
        sa.Column("shortfall", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}loyalty_program_name_key", f"{prefix}loyalty_program", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}message",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("to", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("html", TEXT, nullable=True),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("about", TEXT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("leased_until", INSTANT, nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_error", TEXT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("reference", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}message_about_idx", f"{prefix}message", ["tenant", "about"], schema=schema)
    op.create_index(f"{prefix}message_customer_id_idx", f"{prefix}message", ["tenant", "customer_id"], schema=schema)
    op.create_index(
        f"{prefix}message_due_at_idx",
        f"{prefix}message",
        ["tenant", "due_at"],
        schema=schema,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(f"{prefix}message_key_key", f"{prefix}message", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(
        f"{prefix}message_leased_until_idx",
        f"{prefix}message",
        ["tenant", "leased_until"],
        schema=schema,
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_table(
        f"{prefix}mute",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=True),
        sa.Column("rule", JSON, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}mute_until_idx", f"{prefix}mute", ["tenant", "until"], schema=schema)
    op.create_table(
        f"{prefix}parting",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("relation", TEXT, nullable=False),
        sa.Column("former", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}parting_relation_created_at_idx",
        f"{prefix}parting",
        ["tenant", "relation", "created_at"],
        schema=schema,
    )
    op.create_table(
        f"{prefix}pipeline_definition",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("spec", JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}pipeline_definition_name_key",
        f"{prefix}pipeline_definition",
        ["tenant", "name"],
        unique=True,
        schema=schema,
    )
    op.create_table(
        f"{prefix}point_rule",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("rule", JSON, nullable=False),
        sa.Column("each", TEXT, nullable=True),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("half_life", sa.BigInteger(), nullable=True),
        sa.Column("since", TEXT, nullable=False),
        sa.Column("at_most", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}point_rule_name_key", f"{prefix}point_rule", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}policy",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("terms", JSON, nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("replaced_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}policy_name_key",
        f"{prefix}policy",
        ["tenant", "name"],
        unique=True,
        schema=schema,
        sqlite_where=sa.text("state = 'current'"),
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index(
        f"{prefix}policy_name_revision_key",
        f"{prefix}policy",
        ["tenant", "name", "revision"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}policy_updated_at_idx", f"{prefix}policy", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}pool",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("idle", sa.BigInteger(), nullable=True),
        sa.Column("hold", sa.BigInteger(), nullable=True),
        sa.Column("claims_per_day", sa.BigInteger(), nullable=True),
        sa.Column("rest", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}pool_name_key", f"{prefix}pool", ["tenant", "name"], unique=True, schema=schema)
    op.create_table(
        f"{prefix}price_list",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}price_list_name_key", f"{prefix}price_list", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_index(
        f"{prefix}price_list_updated_at_idx", f"{prefix}price_list", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}product",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_folded", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("category", TEXT, nullable=True),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("price_currency", sa.String(length=3), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("cost_currency", sa.String(length=3), nullable=True),
        sa.Column("unit", TEXT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}product_category_idx", f"{prefix}product", ["tenant", "category"], schema=schema)
    op.create_index(f"{prefix}product_code_key", f"{prefix}product", ["tenant", "code"], unique=True, schema=schema)
    op.create_index(f"{prefix}product_updated_at_idx", f"{prefix}product", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}queue",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("units", JSON, nullable=False),
        sa.Column("skills", JSON, nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
        sa.Column("previous_first", sa.Boolean(), nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=True),
        sa.Column("window", sa.BigInteger(), nullable=True),
        sa.Column("overflow", TEXT, nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}queue_name_key", f"{prefix}queue", ["tenant", "name"], unique=True, schema=schema)
    op.create_table(
        f"{prefix}quota",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("measure", TEXT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}quota_owner_idx", f"{prefix}quota", ["tenant", "owner"], schema=schema)
    op.create_index(
        f"{prefix}quota_starts_on_ends_on_idx", f"{prefix}quota", ["tenant", "starts_on", "ends_on"], schema=schema
    )
    op.create_index(f"{prefix}quota_team_idx", f"{prefix}quota", ["tenant", "team"], schema=schema)
    op.create_table(
        f"{prefix}salesperson",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("manager", TEXT, nullable=True),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("monthly_limit", sa.BigInteger(), nullable=True),
        sa.Column("skills", JSON, nullable=False),
        sa.Column("territory", JSON, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}salesperson_manager_idx", f"{prefix}salesperson", ["tenant", "manager"], schema=schema)
    op.create_index(
        f"{prefix}salesperson_name_key", f"{prefix}salesperson", ["tenant", "name"], unique=True, schema=schema
    )
    op.create_index(f"{prefix}salesperson_team_idx", f"{prefix}salesperson", ["tenant", "team"], schema=schema)
    op.create_table(
        f"{prefix}segment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("rule_version", sa.BigInteger(), nullable=False),
        sa.Column("every", sa.BigInteger(), nullable=True),
        sa.Column("refreshed_at", INSTANT, nullable=True),
        sa.Column("refreshed_version", sa.BigInteger(), nullable=True),
        sa.Column("next_change_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}segment_name_key", f"{prefix}segment", ["tenant", "name"], unique=True, schema=schema)
    op.create_index(f"{prefix}segment_updated_at_idx", f"{prefix}segment", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}settlement",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("total_currency", sa.String(length=3), nullable=False),
        sa.Column("reference", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}settlement_person_starts_on_idx",
        f"{prefix}settlement",
        ["tenant", "person", "starts_on"],
        schema=schema,
    )
    op.create_index(f"{prefix}settlement_status_idx", f"{prefix}settlement", ["tenant", "status"], schema=schema)
    op.create_index(
        f"{prefix}settlement_updated_at_idx", f"{prefix}settlement", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}solution",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("title_folded", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("keywords", JSON, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("original_id", TEXT, nullable=True),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("stage_since", INSTANT, nullable=False),
        sa.Column("author", TEXT, nullable=True),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "original_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}solution_original_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}solution_language_idx", f"{prefix}solution", ["tenant", "language"], schema=schema)
    op.create_index(f"{prefix}solution_original_id_idx", f"{prefix}solution", ["tenant", "original_id"], schema=schema)
    op.create_index(
        f"{prefix}solution_original_id_language_key",
        f"{prefix}solution",
        ["tenant", "original_id", "language"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_stage_length_idx", f"{prefix}solution", ["tenant", "stage", "length"], schema=schema
    )
    op.create_index(f"{prefix}solution_updated_at_idx", f"{prefix}solution", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}stage_rule",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("rule", JSON, nullable=False),
        sa.Column("swept_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}stage_rule_stage_key", f"{prefix}stage_rule", ["tenant", "stage"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}stage_span",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("machine", TEXT, nullable=False),
        sa.Column("field", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("entered_at", INSTANT, nullable=False),
        sa.Column("target", TEXT, nullable=True),
        sa.Column("trigger", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}stage_span_machine_idx", f"{prefix}stage_span", ["tenant", "machine"], schema=schema)
    op.create_index(f"{prefix}stage_span_subject_idx", f"{prefix}stage_span", ["tenant", "subject"], schema=schema)
    op.create_table(
        f"{prefix}survey",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("question", TEXT, nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("formula", TEXT, nullable=False),
        sa.Column("alert_at", sa.BigInteger(), nullable=True),
        sa.Column("alert_to", TEXT, nullable=True),
        sa.Column("questions", JSON, nullable=False),
        sa.Column("anonymous", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}survey_name_key", f"{prefix}survey", ["tenant", "name"], unique=True, schema=schema)
    op.create_index(f"{prefix}survey_updated_at_idx", f"{prefix}survey", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}template",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("html", TEXT, nullable=True),
        sa.Column("variables", JSON, nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}template_name_key", f"{prefix}template", ["tenant", "name"], unique=True, schema=schema)
    op.create_index(f"{prefix}template_updated_at_idx", f"{prefix}template", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}turn",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("last_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}turn_queue_agent_key", f"{prefix}turn", ["tenant", "queue", "agent"], unique=True, schema=schema
    )
    op.create_table(
        f"{prefix}asking",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("survey_id", TEXT, nullable=False),
        sa.Column("occasion", TEXT, nullable=False),
        sa.Column("rule", JSON, nullable=True),
        sa.Column("delay", sa.BigInteger(), nullable=False),
        sa.Column("every", sa.BigInteger(), nullable=True),
        sa.Column("rest", sa.BigInteger(), nullable=False),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("link", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("expires_after", sa.BigInteger(), nullable=False),
        sa.Column("remind_after", sa.BigInteger(), nullable=True),
        sa.Column("reminders", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "survey_id"],
            [f"{at}{prefix}survey.tenant", f"{at}{prefix}survey.id"],
            name=f"{prefix}asking_survey_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}asking_occasion_idx", f"{prefix}asking", ["tenant", "occasion"], schema=schema)
    op.create_index(
        f"{prefix}asking_survey_id_key", f"{prefix}asking", ["tenant", "survey_id"], unique=True, schema=schema
    )
    op.create_index(f"{prefix}asking_updated_at_idx", f"{prefix}asking", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}customer",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_folded", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("email_folded", TEXT, nullable=True),
        sa.Column("phone", TEXT, nullable=True),
        sa.Column("birthday", sa.Date(), nullable=True),
        sa.Column("gender", TEXT, nullable=True),
        sa.Column("occupation", TEXT, nullable=True),
        sa.Column("marital_status", TEXT, nullable=True),
        sa.Column("street", TEXT, nullable=True),
        sa.Column("postcode", TEXT, nullable=True),
        sa.Column("city", TEXT, nullable=True),
        sa.Column("city_folded", TEXT, nullable=True),
        sa.Column("region", TEXT, nullable=True),
        sa.Column("country", TEXT, nullable=True),
        sa.Column("language", TEXT, nullable=True),
        sa.Column("company_id", TEXT, nullable=True),
        sa.Column("role", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "company_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}customer_company_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}customer_birthday_id_idx", f"{prefix}customer", ["tenant", "birthday", "id"], schema=schema
    )
    op.create_index(f"{prefix}customer_city_idx", f"{prefix}customer", ["tenant", "city"], schema=schema)
    op.create_index(f"{prefix}customer_company_id_idx", f"{prefix}customer", ["tenant", "company_id"], schema=schema)
    op.create_index(f"{prefix}customer_email_key", f"{prefix}customer", ["tenant", "email"], unique=True, schema=schema)
    op.create_index(f"{prefix}customer_owner_idx", f"{prefix}customer", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}customer_phone_id_idx", f"{prefix}customer", ["tenant", "phone", "id"], schema=schema)
    op.create_index(f"{prefix}customer_source_idx", f"{prefix}customer", ["tenant", "source"], schema=schema)
    op.create_index(f"{prefix}customer_updated_at_idx", f"{prefix}customer", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}expense",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("campaign_id", TEXT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("booked_at", INSTANT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("document", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}expense_campaign_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}expense_campaign_id_idx", f"{prefix}expense", ["tenant", "campaign_id"], schema=schema)
    op.create_index(f"{prefix}expense_updated_at_idx", f"{prefix}expense", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}price",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("price_list_id", TEXT, nullable=False),
        sa.Column("product_id", TEXT, nullable=False),
        sa.Column("from_quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "price_list_id"],
            [f"{at}{prefix}price_list.tenant", f"{at}{prefix}price_list.id"],
            name=f"{prefix}price_price_list_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "product_id"],
            [f"{at}{prefix}product.tenant", f"{at}{prefix}product.id"],
            name=f"{prefix}price_product_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}price_price_list_id_idx", f"{prefix}price", ["tenant", "price_list_id"], schema=schema)
    op.create_index(
        f"{prefix}price_price_list_id_product_id_f_988f8d5f_key",
        f"{prefix}price",
        ["tenant", "price_list_id", "product_id", "from_quantity"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}price_product_id_idx", f"{prefix}price", ["tenant", "product_id"], schema=schema)
    op.create_index(f"{prefix}price_updated_at_idx", f"{prefix}price", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}solution_edition",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("solution_id", TEXT, nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("keywords", JSON, nullable=False),
        sa.Column("language", TEXT, nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.Column("published_by", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "solution_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}solution_edition_solution_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_edition_solution_id_edition_key",
        f"{prefix}solution_edition",
        ["tenant", "solution_id", "edition"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_edition_solution_id_idx",
        f"{prefix}solution_edition",
        ["tenant", "solution_id"],
        schema=schema,
    )
    op.create_table(
        f"{prefix}solution_merit",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("solution_id", TEXT, nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.BigInteger(), nullable=False),
        sa.Column("helpful", sa.BigInteger(), nullable=False),
        sa.Column("unhelpful", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "solution_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}solution_merit_solution_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_merit_solution_id_key",
        f"{prefix}solution_merit",
        ["tenant", "solution_id"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_merit_updated_at_idx", f"{prefix}solution_merit", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}solution_word",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("solution_id", TEXT, nullable=False),
        sa.Column("word", TEXT, nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "solution_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}solution_word_solution_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_word_solution_id_idx", f"{prefix}solution_word", ["tenant", "solution_id"], schema=schema
    )
    op.create_index(
        f"{prefix}solution_word_word_solution_id_t_1ea0b812_idx",
        f"{prefix}solution_word",
        ["tenant", "word", "solution_id", "times", "length"],
        schema=schema,
    )
    op.create_table(
        f"{prefix}case",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("subject_folded", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("priority", TEXT, nullable=False),
        sa.Column("severity", TEXT, nullable=True),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("stage_since", INSTANT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("waiting_for", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("queue", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("watchers", JSON, nullable=False),
        sa.Column("policy", TEXT, nullable=True),
        sa.Column("policy_version_id", TEXT, nullable=True),
        sa.Column("policy_by", TEXT, nullable=True),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("last_word_at", INSTANT, nullable=False),
        sa.Column("first_response_due", INSTANT, nullable=True),
        sa.Column("first_responded_at", INSTANT, nullable=True),
        sa.Column("resolution_due", INSTANT, nullable=True),
        sa.Column("next_due", INSTANT, nullable=True),
        sa.Column("resolved_at", INSTANT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("solution", TEXT, nullable=True),
        sa.Column("escalation_level", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("acknowledged_by", TEXT, nullable=True),
        sa.Column("resolutions", sa.BigInteger(), nullable=False),
        sa.Column("reopened", sa.BigInteger(), nullable=False),
        sa.Column("reassigned", sa.BigInteger(), nullable=False),
        sa.Column("merged_into_id", TEXT, nullable=True),
        sa.Column("parent_id", TEXT, nullable=True),
        sa.Column("follow_up_of_id", TEXT, nullable=True),
        sa.Column("split_from_id", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}case_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "follow_up_of_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_follow_up_of_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "merged_into_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_merged_into_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "parent_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_parent_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "policy_version_id"],
            [f"{at}{prefix}policy.tenant", f"{at}{prefix}policy.id"],
            name=f"{prefix}case_policy_version_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "split_from_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_split_from_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}case_channel_idx", f"{prefix}case", ["tenant", "channel"], schema=schema)
    op.create_index(f"{prefix}case_customer_id_idx", f"{prefix}case", ["tenant", "customer_id"], schema=schema)
    op.create_index(
        f"{prefix}case_customer_id_opened_at_idx",
        f"{prefix}case",
        ["tenant", "customer_id", "opened_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}case_follow_up_of_id_idx", f"{prefix}case", ["tenant", "follow_up_of_id"], schema=schema)
    op.create_index(f"{prefix}case_kind_idx", f"{prefix}case", ["tenant", "kind"], schema=schema)
    op.create_index(f"{prefix}case_merged_into_id_idx", f"{prefix}case", ["tenant", "merged_into_id"], schema=schema)
    op.create_index(
        f"{prefix}case_next_due_idx",
        f"{prefix}case",
        ["tenant", "next_due"],
        schema=schema,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(f"{prefix}case_owner_status_idx", f"{prefix}case", ["tenant", "owner", "status"], schema=schema)
    op.create_index(f"{prefix}case_parent_id_idx", f"{prefix}case", ["tenant", "parent_id"], schema=schema)
    op.create_index(
        f"{prefix}case_policy_version_id_idx", f"{prefix}case", ["tenant", "policy_version_id"], schema=schema
    )
    op.create_index(f"{prefix}case_priority_idx", f"{prefix}case", ["tenant", "priority"], schema=schema)
    op.create_index(
        f"{prefix}case_queue_owner_status_priority_f4f75e7f_idx",
        f"{prefix}case",
        ["tenant", "queue", "owner", "status", "priority", "opened_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}case_split_from_id_idx", f"{prefix}case", ["tenant", "split_from_id"], schema=schema)
    op.create_index(f"{prefix}case_stage_idx", f"{prefix}case", ["tenant", "stage"], schema=schema)
    op.create_index(f"{prefix}case_status_idx", f"{prefix}case", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}case_team_idx", f"{prefix}case", ["tenant", "team"], schema=schema)
    op.create_index(f"{prefix}case_updated_at_idx", f"{prefix}case", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}consent",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}consent_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}consent_customer_id_channel_purpose_key",
        f"{prefix}consent",
        ["tenant", "customer_id", "channel", "purpose"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}consent_customer_id_idx", f"{prefix}consent", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}consent_updated_at_idx", f"{prefix}consent", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}contact_point",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("label", TEXT, nullable=True),
        sa.Column("verified_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}contact_point_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}contact_point_customer_id_idx", f"{prefix}contact_point", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}contact_point_customer_id_kind_value_key",
        f"{prefix}contact_point",
        ["tenant", "customer_id", "kind", "value"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}contact_point_kind_value_customer_id_idx",
        f"{prefix}contact_point",
        ["tenant", "kind", "value", "customer_id"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}contact_point_updated_at_idx", f"{prefix}contact_point", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}customer_merge",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("kept_id", TEXT, nullable=False),
        sa.Column("merged_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("merged", JSON, nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("moved", JSON, nullable=False),
        sa.Column("dropped", JSON, nullable=False),
        sa.Column("united", JSON, nullable=False),
        sa.Column("made", JSON, nullable=False),
        sa.Column("undone_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "kept_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}customer_merge_kept_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}customer_merge_kept_id_idx", f"{prefix}customer_merge", ["tenant", "kept_id"], schema=schema
    )
    op.create_index(
        f"{prefix}customer_merge_merged_id_state_idx",
        f"{prefix}customer_merge",
        ["tenant", "merged_id", "state"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}customer_merge_updated_at_idx", f"{prefix}customer_merge", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}distinction",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("other_id", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}distinction_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "other_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}distinction_other_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}distinction_customer_id_idx", f"{prefix}distinction", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}distinction_customer_id_other_id_key",
        f"{prefix}distinction",
        ["tenant", "customer_id", "other_id"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}distinction_other_id_idx", f"{prefix}distinction", ["tenant", "other_id"], schema=schema)
    op.create_index(
        f"{prefix}distinction_updated_at_idx", f"{prefix}distinction", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}journey_run",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("journey_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.Column("about", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("step", TEXT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("moves", sa.BigInteger(), nullable=False),
        sa.Column("waiting_for", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}journey_run_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "journey_id"],
            [f"{at}{prefix}journey.tenant", f"{at}{prefix}journey.id"],
            name=f"{prefix}journey_run_journey_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}journey_run_about_idx", f"{prefix}journey_run", ["tenant", "about"], schema=schema)
    op.create_index(
        f"{prefix}journey_run_customer_id_idx", f"{prefix}journey_run", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}journey_run_customer_id_waiting_for_idx",
        f"{prefix}journey_run",
        ["tenant", "customer_id", "waiting_for"],
        schema=schema,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        f"{prefix}journey_run_journey_id_idx", f"{prefix}journey_run", ["tenant", "journey_id"], schema=schema
    )
    op.create_index(f"{prefix}journey_run_status_idx", f"{prefix}journey_run", ["tenant", "status"], schema=schema)
    op.create_index(
        f"{prefix}journey_run_updated_at_idx", f"{prefix}journey_run", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}lead",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_folded", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("phone", TEXT, nullable=True),
        sa.Column("company", TEXT, nullable=True),
        sa.Column("company_folded", TEXT, nullable=True),
        sa.Column("role", TEXT, nullable=True),
        sa.Column("industry", TEXT, nullable=True),
        sa.Column("employees", sa.BigInteger(), nullable=True),
        sa.Column("city", TEXT, nullable=True),
        sa.Column("city_folded", TEXT, nullable=True),
        sa.Column("region", TEXT, nullable=True),
        sa.Column("country", TEXT, nullable=True),
        sa.Column("language", TEXT, nullable=True),
        sa.Column("interest", TEXT, nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("referrer_id", TEXT, nullable=True),
        sa.Column("key", TEXT, nullable=True),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("consents", JSON, nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("owned_since", INSTANT, nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("predicted", sa.Double(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("scored_at", INSTANT, nullable=True),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("stage_since", INSTANT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("merged_into", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}lead_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}lead_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "referrer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}lead_referrer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}lead_campaign_id_idx", f"{prefix}lead", ["tenant", "campaign_id"], schema=schema)
    op.create_index(f"{prefix}lead_customer_id_idx", f"{prefix}lead", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}lead_email_idx", f"{prefix}lead", ["tenant", "email"], schema=schema)
    op.create_index(f"{prefix}lead_key_key", f"{prefix}lead", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(f"{prefix}lead_merged_into_idx", f"{prefix}lead", ["tenant", "merged_into"], schema=schema)
    op.create_index(f"{prefix}lead_owner_stage_idx", f"{prefix}lead", ["tenant", "owner", "stage"], schema=schema)
    op.create_index(f"{prefix}lead_phone_idx", f"{prefix}lead", ["tenant", "phone"], schema=schema)
    op.create_index(f"{prefix}lead_referrer_id_idx", f"{prefix}lead", ["tenant", "referrer_id"], schema=schema)
    op.create_index(f"{prefix}lead_source_idx", f"{prefix}lead", ["tenant", "source"], schema=schema)
    op.create_index(f"{prefix}lead_stage_idx", f"{prefix}lead", ["tenant", "stage"], schema=schema)
    op.create_index(f"{prefix}lead_team_idx", f"{prefix}lead", ["tenant", "team"], schema=schema)
    op.create_index(f"{prefix}lead_updated_at_idx", f"{prefix}lead", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}life_event",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}life_event_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}life_event_customer_id_idx", f"{prefix}life_event", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}life_event_customer_id_name_on_key",
        f"{prefix}life_event",
        ["tenant", "customer_id", "name", "on"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}life_event_name_idx", f"{prefix}life_event", ["tenant", "name"], schema=schema)
    op.create_index(
        f"{prefix}life_event_updated_at_idx", f"{prefix}life_event", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}loyalty_account",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("tier", TEXT, nullable=True),
        sa.Column("tier_since", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}loyalty_account_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}loyalty_account_customer_id_key",
        f"{prefix}loyalty_account",
        ["tenant", "customer_id"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}loyalty_account_tier_idx", f"{prefix}loyalty_account", ["tenant", "tier"], schema=schema)
    op.create_index(
        f"{prefix}loyalty_account_updated_at_idx", f"{prefix}loyalty_account", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}membership",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("segment_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("rule_version", sa.BigInteger(), nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("entered_at", INSTANT, nullable=False),
        sa.Column("left_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}membership_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "segment_id"],
            [f"{at}{prefix}segment.tenant", f"{at}{prefix}segment.id"],
            name=f"{prefix}membership_segment_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}membership_customer_id_idx", f"{prefix}membership", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}membership_segment_id_customer_id_key",
        f"{prefix}membership",
        ["tenant", "segment_id", "customer_id"],
        unique=True,
        schema=schema,
        sqlite_where=sa.text("state = 'member'"),
        postgresql_where=sa.text("state = 'member'"),
    )
    op.create_index(
        f"{prefix}membership_segment_id_idx", f"{prefix}membership", ["tenant", "segment_id"], schema=schema
    )
    op.create_index(
        f"{prefix}membership_updated_at_idx", f"{prefix}membership", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}point_bucket",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=True),
        sa.Column("base_currency", sa.String(length=3), nullable=True),
        sa.Column("about", TEXT, nullable=True),
        sa.Column("earned_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}point_bucket_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}point_bucket_about_idx", f"{prefix}point_bucket", ["tenant", "about"], schema=schema)
    op.create_index(
        f"{prefix}point_bucket_customer_id_expires_at_idx",
        f"{prefix}point_bucket",
        ["tenant", "customer_id", "expires_at"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}point_bucket_customer_id_idx", f"{prefix}point_bucket", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}point_bucket_updated_at_idx", f"{prefix}point_bucket", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}relationship",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("other_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}relationship_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "other_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}relationship_other_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}relationship_customer_id_idx", f"{prefix}relationship", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}relationship_customer_id_other_id_kind_key",
        f"{prefix}relationship",
        ["tenant", "customer_id", "other_id", "kind"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}relationship_kind_idx", f"{prefix}relationship", ["tenant", "kind"], schema=schema)
    op.create_index(
        f"{prefix}relationship_other_id_idx", f"{prefix}relationship", ["tenant", "other_id"], schema=schema
    )
    op.create_index(
        f"{prefix}relationship_updated_at_idx", f"{prefix}relationship", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}segment_exception",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("segment_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}segment_exception_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "segment_id"],
            [f"{at}{prefix}segment.tenant", f"{at}{prefix}segment.id"],
            name=f"{prefix}segment_exception_segment_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}segment_exception_customer_id_idx",
        f"{prefix}segment_exception",
        ["tenant", "customer_id"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}segment_exception_segment_id_customer_id_key",
        f"{prefix}segment_exception",
        ["tenant", "segment_id", "customer_id"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}segment_exception_segment_id_idx",
        f"{prefix}segment_exception",
        ["tenant", "segment_id"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}segment_exception_updated_at_idx",
        f"{prefix}segment_exception",
        ["tenant", "updated_at"],
        schema=schema,
    )
    op.create_table(
        f"{prefix}send",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("template_id", TEXT, nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("send_at", INSTANT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("about", TEXT, nullable=True),
        sa.Column("occasion", TEXT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}send_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}send_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "template_id"],
            [f"{at}{prefix}template.tenant", f"{at}{prefix}template.id"],
            name=f"{prefix}send_template_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}send_about_idx", f"{prefix}send", ["tenant", "about"], schema=schema)
    op.create_index(f"{prefix}send_campaign_id_idx", f"{prefix}send", ["tenant", "campaign_id"], schema=schema)
    op.create_index(f"{prefix}send_customer_id_idx", f"{prefix}send", ["tenant", "customer_id"], schema=schema)
    op.create_index(
        f"{prefix}send_customer_id_send_at_idx", f"{prefix}send", ["tenant", "customer_id", "send_at"], schema=schema
    )
    op.create_index(f"{prefix}send_key_key", f"{prefix}send", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(f"{prefix}send_occasion_idx", f"{prefix}send", ["tenant", "occasion"], schema=schema)
    op.create_index(f"{prefix}send_template_id_idx", f"{prefix}send", ["tenant", "template_id"], schema=schema)
    op.create_index(f"{prefix}send_updated_at_idx", f"{prefix}send", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}standing",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("stage_since", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}standing_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}standing_customer_id_key", f"{prefix}standing", ["tenant", "customer_id"], unique=True, schema=schema
    )
    op.create_index(f"{prefix}standing_stage_idx", f"{prefix}standing", ["tenant", "stage"], schema=schema)
    op.create_index(f"{prefix}standing_updated_at_idx", f"{prefix}standing", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}suppression",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}suppression_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}suppression_customer_id_idx", f"{prefix}suppression", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}suppression_updated_at_idx", f"{prefix}suppression", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}assignment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("lead_id", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("previous", TEXT, nullable=True),
        sa.Column("entry", TEXT, nullable=True),
        sa.Column("because", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            [f"{at}{prefix}lead.tenant", f"{at}{prefix}lead.id"],
            name=f"{prefix}assignment_lead_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}assignment_entry_id_idx", f"{prefix}assignment", ["tenant", "entry", "id"], schema=schema)
    op.create_index(f"{prefix}assignment_lead_id_idx", f"{prefix}assignment", ["tenant", "lead_id"], schema=schema)
    op.create_index(
        f"{prefix}assignment_owner_created_at_idx",
        f"{prefix}assignment",
        ["tenant", "owner", "created_at"],
        schema=schema,
    )
    op.create_table(
        f"{prefix}case_clock",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("policy_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("cycle", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("stopped_at", INSTANT, nullable=True),
        sa.Column("elapsed", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.BigInteger(), nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("priority", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_clock_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "policy_id"],
            [f"{at}{prefix}policy.tenant", f"{at}{prefix}policy.id"],
            name=f"{prefix}case_clock_policy_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}case_clock_case_id_idx", f"{prefix}case_clock", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}case_clock_case_id_name_cycle_key",
        f"{prefix}case_clock",
        ["tenant", "case_id", "name", "cycle"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}case_clock_due_at_idx",
        f"{prefix}case_clock",
        ["tenant", "due_at"],
        schema=schema,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(f"{prefix}case_clock_name_idx", f"{prefix}case_clock", ["tenant", "name"], schema=schema)
    op.create_index(f"{prefix}case_clock_policy_id_idx", f"{prefix}case_clock", ["tenant", "policy_id"], schema=schema)
    op.create_index(
        f"{prefix}case_clock_stopped_at_idx", f"{prefix}case_clock", ["tenant", "stopped_at"], schema=schema
    )
    op.create_index(
        f"{prefix}case_clock_updated_at_idx", f"{prefix}case_clock", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}case_link",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("other_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_link_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "other_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_link_other_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}case_link_case_id_idx", f"{prefix}case_link", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}case_link_case_id_other_id_kind_key",
        f"{prefix}case_link",
        ["tenant", "case_id", "other_id", "kind"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}case_link_other_id_idx", f"{prefix}case_link", ["tenant", "other_id"], schema=schema)
    op.create_index(f"{prefix}case_link_updated_at_idx", f"{prefix}case_link", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}case_message",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("by", TEXT, nullable=True),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column("from_case_id", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_message_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}case_message_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}case_message_case_id_idx", f"{prefix}case_message", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}case_message_customer_id_idx", f"{prefix}case_message", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}case_message_from_case_id_idx", f"{prefix}case_message", ["tenant", "from_case_id"], schema=schema
    )
    op.create_index(
        f"{prefix}case_message_updated_at_idx", f"{prefix}case_message", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}case_time",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("priority", TEXT, nullable=False),
        sa.Column("resolved_at", INSTANT, nullable=False),
        sa.Column("replies", sa.BigInteger(), nullable=False),
        sa.Column("responses", sa.BigInteger(), nullable=False),
        sa.Column("first_response", sa.BigInteger(), nullable=True),
        sa.Column("first_response_business", sa.BigInteger(), nullable=True),
        sa.Column("response", sa.BigInteger(), nullable=False),
        sa.Column("response_business", sa.BigInteger(), nullable=True),
        sa.Column("resolution", sa.BigInteger(), nullable=False),
        sa.Column("resolution_business", sa.BigInteger(), nullable=True),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("waiting_business", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_time_case_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}case_time_case_id_key", f"{prefix}case_time", ["tenant", "case_id"], unique=True, schema=schema
    )
    op.create_index(
        f"{prefix}case_time_resolved_at_owner_idx",
        f"{prefix}case_time",
        ["tenant", "resolved_at", "owner"],
        schema=schema,
    )
    op.create_index(f"{prefix}case_time_updated_at_idx", f"{prefix}case_time", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}enquiry",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("language", TEXT, nullable=True),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("offered", sa.BigInteger(), nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("solution_id", TEXT, nullable=True),
        sa.Column("case_id", TEXT, nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}enquiry_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}enquiry_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "solution_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}enquiry_solution_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}enquiry_case_id_idx", f"{prefix}enquiry", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}enquiry_customer_id_asked_at_idx",
        f"{prefix}enquiry",
        ["tenant", "customer_id", "asked_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}enquiry_customer_id_idx", f"{prefix}enquiry", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}enquiry_day_idx", f"{prefix}enquiry", ["tenant", "day"], schema=schema)
    op.create_index(f"{prefix}enquiry_solution_id_idx", f"{prefix}enquiry", ["tenant", "solution_id"], schema=schema)
    op.create_index(f"{prefix}enquiry_updated_at_idx", f"{prefix}enquiry", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}escalation",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("policy_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("occasion", TEXT, nullable=False),
        sa.Column("cycle", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("fired_at", INSTANT, nullable=False),
        sa.Column("recipients", JSON, nullable=False),
        sa.Column("missing", JSON, nullable=False),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        sa.Column("acknowledged_by", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}escalation_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "policy_id"],
            [f"{at}{prefix}policy.tenant", f"{at}{prefix}policy.id"],
            name=f"{prefix}escalation_policy_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}escalation_case_id_idx", f"{prefix}escalation", ["tenant", "case_id"], schema=schema)
    op.create_index(f"{prefix}escalation_key_key", f"{prefix}escalation", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(f"{prefix}escalation_occasion_idx", f"{prefix}escalation", ["tenant", "occasion"], schema=schema)
    op.create_index(f"{prefix}escalation_policy_id_idx", f"{prefix}escalation", ["tenant", "policy_id"], schema=schema)
    op.create_index(
        f"{prefix}escalation_updated_at_idx", f"{prefix}escalation", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}escalation_notice",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("policy_id", TEXT, nullable=False),
        sa.Column("occasion", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}escalation_notice_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "policy_id"],
            [f"{at}{prefix}policy.tenant", f"{at}{prefix}policy.id"],
            name=f"{prefix}escalation_notice_policy_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}escalation_notice_address_idx",
        f"{prefix}escalation_notice",
        ["tenant", "address"],
        schema=schema,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        f"{prefix}escalation_notice_case_id_idx", f"{prefix}escalation_notice", ["tenant", "case_id"], schema=schema
    )
    op.create_index(
        f"{prefix}escalation_notice_policy_id_idx", f"{prefix}escalation_notice", ["tenant", "policy_id"], schema=schema
    )
    op.create_index(
        f"{prefix}escalation_notice_updated_at_idx",
        f"{prefix}escalation_notice",
        ["tenant", "updated_at"],
        schema=schema,
    )
    op.create_table(
        f"{prefix}exclusion",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("case_id", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}exclusion_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}exclusion_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}exclusion_case_id_idx", f"{prefix}exclusion", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}exclusion_customer_id_idx", f"{prefix}exclusion", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}exclusion_key_key", f"{prefix}exclusion", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(f"{prefix}exclusion_updated_at_idx", f"{prefix}exclusion", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}hand_over",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("because", TEXT, nullable=False),
        sa.Column("found", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}hand_over_case_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}hand_over_agent_idx", f"{prefix}hand_over", ["tenant", "agent"], schema=schema)
    op.create_index(f"{prefix}hand_over_case_id_idx", f"{prefix}hand_over", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}hand_over_queue_agent_created_at_idx",
        f"{prefix}hand_over",
        ["tenant", "queue", "agent", "created_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}hand_over_queue_idx", f"{prefix}hand_over", ["tenant", "queue"], schema=schema)
    op.create_table(
        f"{prefix}invitation",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("survey_id", TEXT, nullable=False),
        sa.Column("asking_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("case_id", TEXT, nullable=True),
        sa.Column("cycle", sa.BigInteger(), nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("token_hash", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("reminders", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "asking_id"],
            [f"{at}{prefix}asking.tenant", f"{at}{prefix}asking.id"],
            name=f"{prefix}invitation_asking_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}invitation_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}invitation_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "survey_id"],
            [f"{at}{prefix}survey.tenant", f"{at}{prefix}survey.id"],
            name=f"{prefix}invitation_survey_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}invitation_asking_id_idx", f"{prefix}invitation", ["tenant", "asking_id"], schema=schema)
    op.create_index(f"{prefix}invitation_case_id_idx", f"{prefix}invitation", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}invitation_customer_id_idx", f"{prefix}invitation", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}invitation_customer_id_sent_at_idx",
        f"{prefix}invitation",
        ["tenant", "customer_id", "sent_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}invitation_key_key", f"{prefix}invitation", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(f"{prefix}invitation_state_idx", f"{prefix}invitation", ["tenant", "state"], schema=schema)
    op.create_index(f"{prefix}invitation_survey_id_idx", f"{prefix}invitation", ["tenant", "survey_id"], schema=schema)
    op.create_index(
        f"{prefix}invitation_updated_at_idx", f"{prefix}invitation", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}lead_outcome",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("lead_id", TEXT, nullable=False),
        sa.Column("won", sa.Boolean(), nullable=False),
        sa.Column("sign", sa.BigInteger(), nullable=False),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("stage", TEXT, nullable=True),
        sa.Column("features", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            [f"{at}{prefix}lead.tenant", f"{at}{prefix}lead.id"],
            name=f"{prefix}lead_outcome_lead_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}lead_outcome_lead_id_idx", f"{prefix}lead_outcome", ["tenant", "lead_id"], schema=schema)
    op.create_table(
        f"{prefix}opportunity",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_folded", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("company_id", TEXT, nullable=True),
        sa.Column("lead_id", TEXT, nullable=True),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=True),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("region", TEXT, nullable=True),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("stage_since", INSTANT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("recurring", sa.BigInteger(), nullable=True),
        sa.Column("recurring_currency", sa.String(length=3), nullable=True),
        sa.Column("recurring_every", TEXT, nullable=True),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=True),
        sa.Column("expected_currency", sa.String(length=3), nullable=True),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("close_on", sa.Date(), nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("last_open_stage", TEXT, nullable=True),
        sa.Column("lost_reason", TEXT, nullable=True),
        sa.Column("lost_to", TEXT, nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("competitors", JSON, nullable=False),
        sa.Column("next_step", TEXT, nullable=True),
        sa.Column("next_step_on", sa.Date(), nullable=True),
        sa.Column("slips", sa.BigInteger(), nullable=False),
        sa.Column("merged_into", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}opportunity_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "company_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}opportunity_company_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}opportunity_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            [f"{at}{prefix}lead.tenant", f"{at}{prefix}lead.id"],
            name=f"{prefix}opportunity_lead_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}opportunity_campaign_id_idx", f"{prefix}opportunity", ["tenant", "campaign_id"], schema=schema
    )
    op.create_index(
        f"{prefix}opportunity_closed_at_idx", f"{prefix}opportunity", ["tenant", "closed_at"], schema=schema
    )
    op.create_index(
        f"{prefix}opportunity_company_id_idx", f"{prefix}opportunity", ["tenant", "company_id"], schema=schema
    )
    op.create_index(
        f"{prefix}opportunity_customer_id_idx", f"{prefix}opportunity", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}opportunity_lead_id_idx", f"{prefix}opportunity", ["tenant", "lead_id"], schema=schema)
    op.create_index(
        f"{prefix}opportunity_lost_reason_idx", f"{prefix}opportunity", ["tenant", "lost_reason"], schema=schema
    )
    op.create_index(
        f"{prefix}opportunity_merged_into_idx", f"{prefix}opportunity", ["tenant", "merged_into"], schema=schema
    )
    op.create_index(f"{prefix}opportunity_owner_idx", f"{prefix}opportunity", ["tenant", "owner"], schema=schema)
    op.create_index(
        f"{prefix}opportunity_pipeline_stage_idx",
        f"{prefix}opportunity",
        ["tenant", "pipeline", "stage"],
        schema=schema,
    )
    op.create_index(f"{prefix}opportunity_source_idx", f"{prefix}opportunity", ["tenant", "source"], schema=schema)
    op.create_index(
        f"{prefix}opportunity_stage_close_on_idx",
        f"{prefix}opportunity",
        ["tenant", "stage", "close_on"],
        schema=schema,
    )
    op.create_index(f"{prefix}opportunity_team_idx", f"{prefix}opportunity", ["tenant", "team"], schema=schema)
    op.create_index(
        f"{prefix}opportunity_updated_at_idx", f"{prefix}opportunity", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}point_movement",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("bucket_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("about", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "bucket_id"],
            [f"{at}{prefix}point_bucket.tenant", f"{at}{prefix}point_bucket.id"],
            name=f"{prefix}point_movement_bucket_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}point_movement_customer_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}point_movement_about_idx", f"{prefix}point_movement", ["tenant", "about"], schema=schema)
    op.create_index(
        f"{prefix}point_movement_bucket_id_idx", f"{prefix}point_movement", ["tenant", "bucket_id"], schema=schema
    )
    op.create_index(
        f"{prefix}point_movement_customer_id_created_at_idx",
        f"{prefix}point_movement",
        ["tenant", "customer_id", "created_at"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}point_movement_customer_id_idx", f"{prefix}point_movement", ["tenant", "customer_id"], schema=schema
    )
    op.create_table(
        f"{prefix}response",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("send_id", TEXT, nullable=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}response_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}response_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "send_id"],
            [f"{at}{prefix}send.tenant", f"{at}{prefix}send.id"],
            name=f"{prefix}response_send_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}response_campaign_id_idx", f"{prefix}response", ["tenant", "campaign_id"], schema=schema)
    op.create_index(
        f"{prefix}response_customer_id_at_idx", f"{prefix}response", ["tenant", "customer_id", "at"], schema=schema
    )
    op.create_index(f"{prefix}response_customer_id_idx", f"{prefix}response", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}response_send_id_idx", f"{prefix}response", ["tenant", "send_id"], schema=schema)
    op.create_index(f"{prefix}response_updated_at_idx", f"{prefix}response", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}solution_rating",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("solution_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("case_id", TEXT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("rated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}solution_rating_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}solution_rating_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "solution_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}solution_rating_solution_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_rating_case_id_idx", f"{prefix}solution_rating", ["tenant", "case_id"], schema=schema
    )
    op.create_index(
        f"{prefix}solution_rating_customer_id_idx", f"{prefix}solution_rating", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}solution_rating_key_key", f"{prefix}solution_rating", ["tenant", "key"], unique=True, schema=schema
    )
    op.create_index(
        f"{prefix}solution_rating_solution_id_idx", f"{prefix}solution_rating", ["tenant", "solution_id"], schema=schema
    )
    op.create_index(
        f"{prefix}solution_rating_updated_at_idx", f"{prefix}solution_rating", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}solution_use",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("solution_id", TEXT, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}solution_use_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}solution_use_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "solution_id"],
            [f"{at}{prefix}solution.tenant", f"{at}{prefix}solution.id"],
            name=f"{prefix}solution_use_solution_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}solution_use_case_id_idx", f"{prefix}solution_use", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}solution_use_customer_id_idx", f"{prefix}solution_use", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}solution_use_solution_id_case_id_key",
        f"{prefix}solution_use",
        ["tenant", "solution_id", "case_id"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}solution_use_solution_id_idx", f"{prefix}solution_use", ["tenant", "solution_id"], schema=schema
    )
    op.create_index(
        f"{prefix}solution_use_updated_at_idx", f"{prefix}solution_use", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}survey_answer",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("survey_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("case_id", TEXT, nullable=True),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("comment", TEXT, nullable=True),
        sa.Column("cycle", sa.BigInteger(), nullable=False),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=True),
        sa.Column("product_id", TEXT, nullable=True),
        sa.Column("answers", JSON, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("answered_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}survey_answer_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}survey_answer_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "product_id"],
            [f"{at}{prefix}product.tenant", f"{at}{prefix}product.id"],
            name=f"{prefix}survey_answer_product_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "survey_id"],
            [f"{at}{prefix}survey.tenant", f"{at}{prefix}survey.id"],
            name=f"{prefix}survey_answer_survey_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}survey_answer_case_id_idx", f"{prefix}survey_answer", ["tenant", "case_id"], schema=schema
    )
    op.create_index(
        f"{prefix}survey_answer_customer_id_idx", f"{prefix}survey_answer", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}survey_answer_day_idx", f"{prefix}survey_answer", ["tenant", "day"], schema=schema)
    op.create_index(
        f"{prefix}survey_answer_key_key", f"{prefix}survey_answer", ["tenant", "key"], unique=True, schema=schema
    )
    op.create_index(f"{prefix}survey_answer_kind_idx", f"{prefix}survey_answer", ["tenant", "kind"], schema=schema)
    op.create_index(f"{prefix}survey_answer_owner_idx", f"{prefix}survey_answer", ["tenant", "owner"], schema=schema)
    op.create_index(
        f"{prefix}survey_answer_product_id_idx", f"{prefix}survey_answer", ["tenant", "product_id"], schema=schema
    )
    op.create_index(
        f"{prefix}survey_answer_survey_id_idx", f"{prefix}survey_answer", ["tenant", "survey_id"], schema=schema
    )
    op.create_index(
        f"{prefix}survey_answer_updated_at_idx", f"{prefix}survey_answer", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}activity",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("about", TEXT, nullable=True),
        sa.Column("lead_id", TEXT, nullable=True),
        sa.Column("opportunity_id", TEXT, nullable=True),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("duration", sa.BigInteger(), nullable=True),
        sa.Column("location", TEXT, nullable=True),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("reminder", sa.BigInteger(), nullable=True),
        sa.Column("recurrence", TEXT, nullable=True),
        sa.Column("series", TEXT, nullable=True),
        sa.Column("began_at", INSTANT, nullable=True),
        sa.Column("occurs_at", INSTANT, nullable=True),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.Column("uid", TEXT, nullable=True),
        sa.Column("outcome", TEXT, nullable=True),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}activity_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            [f"{at}{prefix}lead.tenant", f"{at}{prefix}lead.id"],
            name=f"{prefix}activity_lead_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}activity_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}activity_about_idx", f"{prefix}activity", ["tenant", "about"], schema=schema)
    op.create_index(f"{prefix}activity_customer_id_idx", f"{prefix}activity", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}activity_due_at_idx", f"{prefix}activity", ["tenant", "due_at"], schema=schema)
    op.create_index(f"{prefix}activity_lead_id_idx", f"{prefix}activity", ["tenant", "lead_id"], schema=schema)
    op.create_index(
        f"{prefix}activity_opportunity_id_idx", f"{prefix}activity", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(
        f"{prefix}activity_owner_due_at_idx",
        f"{prefix}activity",
        ["tenant", "owner", "due_at"],
        schema=schema,
        sqlite_where=sa.text("status = 'planned'"),
        postgresql_where=sa.text("status = 'planned'"),
    )
    op.create_index(
        f"{prefix}activity_series_occurs_at_key",
        f"{prefix}activity",
        ["tenant", "series", "occurs_at"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}activity_status_idx", f"{prefix}activity", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}activity_uid_key", f"{prefix}activity", ["tenant", "uid"], unique=True, schema=schema)
    op.create_index(f"{prefix}activity_updated_at_idx", f"{prefix}activity", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}approval",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("opportunity_id", TEXT, nullable=False),
        sa.Column("gate", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("requested_by", TEXT, nullable=True),
        sa.Column("decided_by", TEXT, nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}approval_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}approval_opportunity_id_idx", f"{prefix}approval", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(f"{prefix}approval_status_idx", f"{prefix}approval", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}approval_updated_at_idx", f"{prefix}approval", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}contact_role",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("opportunity_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("primary", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}contact_role_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}contact_role_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}contact_role_customer_id_idx", f"{prefix}contact_role", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(
        f"{prefix}contact_role_opportunity_id_cust_20270fd7_key",
        f"{prefix}contact_role",
        ["tenant", "opportunity_id", "customer_id", "role"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}contact_role_opportunity_id_idx", f"{prefix}contact_role", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(
        f"{prefix}contact_role_updated_at_idx", f"{prefix}contact_role", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}conversion",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("lead_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("company_id", TEXT, nullable=True),
        sa.Column("opportunity_id", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("made", JSON, nullable=False),
        sa.Column("versions", JSON, nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("activities", JSON, nullable=False),
        sa.Column("granted", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "company_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}conversion_company_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}conversion_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            [f"{at}{prefix}lead.tenant", f"{at}{prefix}lead.id"],
            name=f"{prefix}conversion_lead_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}conversion_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}conversion_company_id_idx", f"{prefix}conversion", ["tenant", "company_id"], schema=schema
    )
    op.create_index(
        f"{prefix}conversion_customer_id_idx", f"{prefix}conversion", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}conversion_lead_id_idx", f"{prefix}conversion", ["tenant", "lead_id"], schema=schema)
    op.create_index(
        f"{prefix}conversion_opportunity_id_idx", f"{prefix}conversion", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(
        f"{prefix}conversion_updated_at_idx", f"{prefix}conversion", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}deal_line",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("opportunity_id", TEXT, nullable=False),
        sa.Column("product_id", TEXT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_currency", sa.String(length=3), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}deal_line_opportunity_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "product_id"],
            [f"{at}{prefix}product.tenant", f"{at}{prefix}product.id"],
            name=f"{prefix}deal_line_product_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}deal_line_opportunity_id_idx", f"{prefix}deal_line", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(f"{prefix}deal_line_product_id_idx", f"{prefix}deal_line", ["tenant", "product_id"], schema=schema)
    op.create_index(f"{prefix}deal_line_updated_at_idx", f"{prefix}deal_line", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}deal_split",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("opportunity_id", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}deal_split_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}deal_split_opportunity_id_idx", f"{prefix}deal_split", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(
        f"{prefix}deal_split_opportunity_id_kind_person_key",
        f"{prefix}deal_split",
        ["tenant", "opportunity_id", "kind", "person"],
        unique=True,
        schema=schema,
    )
    op.create_index(f"{prefix}deal_split_person_idx", f"{prefix}deal_split", ["tenant", "person"], schema=schema)
    op.create_index(
        f"{prefix}deal_split_updated_at_idx", f"{prefix}deal_split", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}deal_state",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("opportunity_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("stage_since", INSTANT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("recurring", sa.BigInteger(), nullable=True),
        sa.Column("recurring_currency", sa.String(length=3), nullable=True),
        sa.Column("probability", sa.BigInteger(), nullable=False),
        sa.Column("category", TEXT, nullable=False),
        sa.Column("close_on", sa.Date(), nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}deal_state_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}deal_state_opportunity_id_created_at_idx",
        f"{prefix}deal_state",
        ["tenant", "opportunity_id", "created_at"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}deal_state_opportunity_id_idx", f"{prefix}deal_state", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_table(
        f"{prefix}merge",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("lead_id", TEXT, nullable=True),
        sa.Column("opportunity_id", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("merged", JSON, nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("moved", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            [f"{at}{prefix}lead.tenant", f"{at}{prefix}lead.id"],
            name=f"{prefix}merge_lead_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}merge_opportunity_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}merge_lead_id_idx", f"{prefix}merge", ["tenant", "lead_id"], schema=schema)
    op.create_index(f"{prefix}merge_opportunity_id_idx", f"{prefix}merge", ["tenant", "opportunity_id"], schema=schema)
    op.create_index(f"{prefix}merge_updated_at_idx", f"{prefix}merge", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}order",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("number", TEXT, nullable=True),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("company_id", TEXT, nullable=True),
        sa.Column("opportunity_id", TEXT, nullable=True),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("partner_id", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("team", TEXT, nullable=True),
        sa.Column("channel", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("total_currency", sa.String(length=3), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("paid_currency", sa.String(length=3), nullable=False),
        sa.Column("credited", sa.BigInteger(), nullable=False),
        sa.Column("credited_currency", sa.String(length=3), nullable=False),
        sa.Column("placed_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("fulfilled_at", INSTANT, nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}order_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "company_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}order_company_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}order_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}order_opportunity_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "partner_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}order_partner_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}order_campaign_id_idx", f"{prefix}order", ["tenant", "campaign_id"], schema=schema)
    op.create_index(f"{prefix}order_channel_idx", f"{prefix}order", ["tenant", "channel"], schema=schema)
    op.create_index(f"{prefix}order_company_id_idx", f"{prefix}order", ["tenant", "company_id"], schema=schema)
    op.create_index(f"{prefix}order_customer_id_idx", f"{prefix}order", ["tenant", "customer_id"], schema=schema)
    op.create_index(
        f"{prefix}order_customer_id_placed_at_status_total_idx",
        f"{prefix}order",
        ["tenant", "customer_id", "placed_at", "status", "total", "total_currency"],
        schema=schema,
    )
    op.create_index(f"{prefix}order_number_key", f"{prefix}order", ["tenant", "number"], unique=True, schema=schema)
    op.create_index(f"{prefix}order_opportunity_id_idx", f"{prefix}order", ["tenant", "opportunity_id"], schema=schema)
    op.create_index(f"{prefix}order_owner_idx", f"{prefix}order", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}order_partner_id_idx", f"{prefix}order", ["tenant", "partner_id"], schema=schema)
    op.create_index(
        f"{prefix}order_placed_at_customer_id_idx",
        f"{prefix}order",
        ["tenant", "placed_at", "customer_id"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}order_status_placed_at_idx", f"{prefix}order", ["tenant", "status", "placed_at"], schema=schema
    )
    op.create_index(
        f"{prefix}order_status_status_since_id_idx",
        f"{prefix}order",
        ["tenant", "status", "status_since", "id"],
        schema=schema,
    )
    op.create_index(f"{prefix}order_updated_at_idx", f"{prefix}order", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}instalment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}instalment_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}instalment_order_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}instalment_customer_id_idx", f"{prefix}instalment", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}instalment_due_on_idx", f"{prefix}instalment", ["tenant", "due_on"], schema=schema)
    op.create_index(f"{prefix}instalment_order_id_idx", f"{prefix}instalment", ["tenant", "order_id"], schema=schema)
    op.create_index(
        f"{prefix}instalment_order_id_position_key",
        f"{prefix}instalment",
        ["tenant", "order_id", "position"],
        unique=True,
        schema=schema,
    )
    op.create_index(
        f"{prefix}instalment_updated_at_idx", f"{prefix}instalment", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}offer",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("terms", TEXT, nullable=True),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("percent", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("order_id", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}offer_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}offer_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}offer_order_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}offer_campaign_id_idx", f"{prefix}offer", ["tenant", "campaign_id"], schema=schema)
    op.create_index(f"{prefix}offer_code_key", f"{prefix}offer", ["tenant", "code"], unique=True, schema=schema)
    op.create_index(f"{prefix}offer_customer_id_idx", f"{prefix}offer", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}offer_order_id_idx", f"{prefix}offer", ["tenant", "order_id"], schema=schema)
    op.create_index(f"{prefix}offer_status_idx", f"{prefix}offer", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}offer_updated_at_idx", f"{prefix}offer", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}order_line",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("product_id", TEXT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("category", TEXT, nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_currency", sa.String(length=3), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("cost_currency", sa.String(length=3), nullable=True),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}order_line_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}order_line_order_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "product_id"],
            [f"{at}{prefix}product.tenant", f"{at}{prefix}product.id"],
            name=f"{prefix}order_line_product_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}order_line_category_idx", f"{prefix}order_line", ["tenant", "category"], schema=schema)
    op.create_index(
        f"{prefix}order_line_customer_id_idx", f"{prefix}order_line", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}order_line_order_id_idx", f"{prefix}order_line", ["tenant", "order_id"], schema=schema)
    op.create_index(
        f"{prefix}order_line_product_id_idx", f"{prefix}order_line", ["tenant", "product_id"], schema=schema
    )
    op.create_index(
        f"{prefix}order_line_updated_at_idx", f"{prefix}order_line", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}payment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("campaign_id", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("method", TEXT, nullable=True),
        sa.Column("reference", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "campaign_id"],
            [f"{at}{prefix}campaign.tenant", f"{at}{prefix}campaign.id"],
            name=f"{prefix}payment_campaign_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}payment_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}payment_order_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}payment_campaign_id_idx", f"{prefix}payment", ["tenant", "campaign_id"], schema=schema)
    op.create_index(
        f"{prefix}payment_campaign_id_kind_idx", f"{prefix}payment", ["tenant", "campaign_id", "kind"], schema=schema
    )
    op.create_index(f"{prefix}payment_customer_id_idx", f"{prefix}payment", ["tenant", "customer_id"], schema=schema)
    op.create_index(
        f"{prefix}payment_customer_id_received_at_idx",
        f"{prefix}payment",
        ["tenant", "customer_id", "received_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}payment_method_idx", f"{prefix}payment", ["tenant", "method"], schema=schema)
    op.create_index(f"{prefix}payment_order_id_idx", f"{prefix}payment", ["tenant", "order_id"], schema=schema)
    op.create_index(f"{prefix}payment_received_at_idx", f"{prefix}payment", ["tenant", "received_at"], schema=schema)
    op.create_index(
        f"{prefix}payment_reference_key", f"{prefix}payment", ["tenant", "reference"], unique=True, schema=schema
    )
    op.create_index(f"{prefix}payment_updated_at_idx", f"{prefix}payment", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}quote",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("opportunity_id", TEXT, nullable=True),
        sa.Column("order_id", TEXT, nullable=True),
        sa.Column("number", TEXT, nullable=True),
        sa.Column("owner", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("total_currency", sa.String(length=3), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}quote_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}quote_opportunity_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}quote_order_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}quote_customer_id_idx", f"{prefix}quote", ["tenant", "customer_id"], schema=schema)
    op.create_index(f"{prefix}quote_number_key", f"{prefix}quote", ["tenant", "number"], unique=True, schema=schema)
    op.create_index(f"{prefix}quote_opportunity_id_idx", f"{prefix}quote", ["tenant", "opportunity_id"], schema=schema)
    op.create_index(f"{prefix}quote_order_id_idx", f"{prefix}quote", ["tenant", "order_id"], schema=schema)
    op.create_index(f"{prefix}quote_owner_idx", f"{prefix}quote", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}quote_status_idx", f"{prefix}quote", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}quote_updated_at_idx", f"{prefix}quote", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}return",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=False),
        sa.Column("exchange_order_id", TEXT, nullable=True),
        sa.Column("wish", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("status_since", INSTANT, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}return_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "exchange_order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}return_exchange_order_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}return_order_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}return_customer_id_idx", f"{prefix}return", ["tenant", "customer_id"], schema=schema)
    op.create_index(
        f"{prefix}return_exchange_order_id_idx", f"{prefix}return", ["tenant", "exchange_order_id"], schema=schema
    )
    op.create_index(f"{prefix}return_order_id_idx", f"{prefix}return", ["tenant", "order_id"], schema=schema)
    op.create_index(f"{prefix}return_reason_idx", f"{prefix}return", ["tenant", "reason"], schema=schema)
    op.create_index(f"{prefix}return_status_idx", f"{prefix}return", ["tenant", "status"], schema=schema)
    op.create_index(f"{prefix}return_updated_at_idx", f"{prefix}return", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}case_line",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("case_id", TEXT, nullable=False),
        sa.Column("product_id", TEXT, nullable=True),
        sa.Column("order_line_id", TEXT, nullable=True),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("serial", TEXT, nullable=True),
        sa.Column("fault", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("bought_on", sa.Date(), nullable=True),
        sa.Column("warranty_months", sa.BigInteger(), nullable=True),
        sa.Column("covered", sa.Boolean(), nullable=True),
        sa.Column("covered_why", TEXT, nullable=True),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("outcome_note", TEXT, nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("amount_currency", sa.String(length=3), nullable=True),
        sa.Column("decided_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "case_id"],
            [f"{at}{prefix}case.tenant", f"{at}{prefix}case.id"],
            name=f"{prefix}case_line_case_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_line_id"],
            [f"{at}{prefix}order_line.tenant", f"{at}{prefix}order_line.id"],
            name=f"{prefix}case_line_order_line_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "product_id"],
            [f"{at}{prefix}product.tenant", f"{at}{prefix}product.id"],
            name=f"{prefix}case_line_product_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}case_line_case_id_idx", f"{prefix}case_line", ["tenant", "case_id"], schema=schema)
    op.create_index(
        f"{prefix}case_line_order_line_id_idx", f"{prefix}case_line", ["tenant", "order_line_id"], schema=schema
    )
    op.create_index(f"{prefix}case_line_product_id_idx", f"{prefix}case_line", ["tenant", "product_id"], schema=schema)
    op.create_index(f"{prefix}case_line_serial_idx", f"{prefix}case_line", ["tenant", "serial"], schema=schema)
    op.create_index(f"{prefix}case_line_updated_at_idx", f"{prefix}case_line", ["tenant", "updated_at"], schema=schema)
    op.create_table(
        f"{prefix}commission",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("plan", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("customer_id", TEXT, nullable=True),
        sa.Column("order_id", TEXT, nullable=True),
        sa.Column("payment_id", TEXT, nullable=True),
        sa.Column("opportunity_id", TEXT, nullable=True),
        sa.Column("settlement_id", TEXT, nullable=True),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("base_currency", sa.String(length=3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("corrects_id", TEXT, nullable=True),
        sa.Column("earned_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "corrects_id"],
            [f"{at}{prefix}commission.tenant", f"{at}{prefix}commission.id"],
            name=f"{prefix}commission_corrects_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"],
            [f"{at}{prefix}customer.tenant", f"{at}{prefix}customer.id"],
            name=f"{prefix}commission_customer_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "opportunity_id"],
            [f"{at}{prefix}opportunity.tenant", f"{at}{prefix}opportunity.id"],
            name=f"{prefix}commission_opportunity_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "order_id"],
            [f"{at}{prefix}order.tenant", f"{at}{prefix}order.id"],
            name=f"{prefix}commission_order_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "payment_id"],
            [f"{at}{prefix}payment.tenant", f"{at}{prefix}payment.id"],
            name=f"{prefix}commission_payment_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "settlement_id"],
            [f"{at}{prefix}settlement.tenant", f"{at}{prefix}settlement.id"],
            name=f"{prefix}commission_settlement_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}commission_corrects_id_idx", f"{prefix}commission", ["tenant", "corrects_id"], schema=schema
    )
    op.create_index(
        f"{prefix}commission_customer_id_idx", f"{prefix}commission", ["tenant", "customer_id"], schema=schema
    )
    op.create_index(f"{prefix}commission_earned_at_idx", f"{prefix}commission", ["tenant", "earned_at"], schema=schema)
    op.create_index(f"{prefix}commission_key_key", f"{prefix}commission", ["tenant", "key"], unique=True, schema=schema)
    op.create_index(
        f"{prefix}commission_opportunity_id_idx", f"{prefix}commission", ["tenant", "opportunity_id"], schema=schema
    )
    op.create_index(f"{prefix}commission_order_id_idx", f"{prefix}commission", ["tenant", "order_id"], schema=schema)
    op.create_index(
        f"{prefix}commission_order_id_person_idx",
        f"{prefix}commission",
        ["tenant", "order_id", "person"],
        schema=schema,
    )
    op.create_index(
        f"{prefix}commission_payment_id_idx", f"{prefix}commission", ["tenant", "payment_id"], schema=schema
    )
    op.create_index(
        f"{prefix}commission_person_earned_at_idx",
        f"{prefix}commission",
        ["tenant", "person", "earned_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}commission_person_idx", f"{prefix}commission", ["tenant", "person"], schema=schema)
    op.create_index(
        f"{prefix}commission_settlement_id_idx", f"{prefix}commission", ["tenant", "settlement_id"], schema=schema
    )
    op.create_index(
        f"{prefix}commission_updated_at_idx", f"{prefix}commission", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}quote_line",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("quote_id", TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("product_id", TEXT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("unit_price_currency", sa.String(length=3), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "product_id"],
            [f"{at}{prefix}product.tenant", f"{at}{prefix}product.id"],
            name=f"{prefix}quote_line_product_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "quote_id"],
            [f"{at}{prefix}quote.tenant", f"{at}{prefix}quote.id"],
            name=f"{prefix}quote_line_quote_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}quote_line_product_id_idx", f"{prefix}quote_line", ["tenant", "product_id"], schema=schema
    )
    op.create_index(f"{prefix}quote_line_quote_id_idx", f"{prefix}quote_line", ["tenant", "quote_id"], schema=schema)
    op.create_index(
        f"{prefix}quote_line_updated_at_idx", f"{prefix}quote_line", ["tenant", "updated_at"], schema=schema
    )
    op.create_table(
        f"{prefix}return_line",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("extras", JSON, nullable=False),
        sa.Column("return_id", TEXT, nullable=False),
        sa.Column("order_line_id", TEXT, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("amount_currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "order_line_id"],
            [f"{at}{prefix}order_line.tenant", f"{at}{prefix}order_line.id"],
            name=f"{prefix}return_line_order_line_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "return_id"],
            [f"{at}{prefix}return.tenant", f"{at}{prefix}return.id"],
            name=f"{prefix}return_line_return_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(
        f"{prefix}return_line_order_line_id_idx", f"{prefix}return_line", ["tenant", "order_line_id"], schema=schema
    )
    op.create_index(
        f"{prefix}return_line_return_id_idx", f"{prefix}return_line", ["tenant", "return_id"], schema=schema
    )
    op.create_index(
        f"{prefix}return_line_updated_at_idx", f"{prefix}return_line", ["tenant", "updated_at"], schema=schema
    )
