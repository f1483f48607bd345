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
        sa.Column("again", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}journey_name_key", f"{prefix}journey", ["tenant", "name"], unique=True, schema=schema)
    op.create_index(f"{prefix}journey_on_idx", f"{prefix}journey", ["tenant", "on"], schema=schema)
    op.create_index(f"{prefix}journey_status_idx", f"{prefix}journey", ["tenant", "status"], schema=schema)
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
        sa.Column("rule", JSON, nullable=False),
        sa.Column("rule_version", sa.BigInteger(), nullable=False),
        sa.Column("refreshed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}segment_name_key", f"{prefix}segment", ["tenant", "name"], unique=True, schema=schema)
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
        sa.Column("target", TEXT, nullable=False),
        sa.Column("trigger", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}stage_span_machine_idx", f"{prefix}stage_span", ["tenant", "machine"], schema=schema)
    op.create_index(f"{prefix}stage_span_subject_idx", f"{prefix}stage_span", ["tenant", "subject"], schema=schema)
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
        sa.ForeignKeyConstraint(
            ["tenant", "company_id"],
            [f"{at}{prefix}company.tenant", f"{at}{prefix}company.id"],
            name=f"{prefix}customer_company_id_fkey",
        ),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    op.create_index(f"{prefix}customer_city_idx", f"{prefix}customer", ["tenant", "city"], schema=schema)
    op.create_index(f"{prefix}customer_company_id_idx", f"{prefix}customer", ["tenant", "company_id"], schema=schema)
    op.create_index(f"{prefix}customer_email_key", f"{prefix}customer", ["tenant", "email"], unique=True, schema=schema)
    op.create_index(f"{prefix}customer_owner_idx", f"{prefix}customer", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}customer_phone_idx", f"{prefix}customer", ["tenant", "phone"], schema=schema)
    op.create_index(f"{prefix}customer_source_idx", f"{prefix}customer", ["tenant", "source"], schema=schema)
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
    op.create_index(f"{prefix}lead_owner_stage_idx", f"{prefix}lead", ["tenant", "owner", "stage"], schema=schema)
    op.create_index(f"{prefix}lead_phone_idx", f"{prefix}lead", ["tenant", "phone"], schema=schema)
    op.create_index(f"{prefix}lead_referrer_id_idx", f"{prefix}lead", ["tenant", "referrer_id"], schema=schema)
    op.create_index(f"{prefix}lead_source_idx", f"{prefix}lead", ["tenant", "source"], schema=schema)
    op.create_index(f"{prefix}lead_stage_idx", f"{prefix}lead", ["tenant", "stage"], schema=schema)
    op.create_index(f"{prefix}lead_team_idx", f"{prefix}lead", ["tenant", "team"], schema=schema)
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
    op.create_index(f"{prefix}send_template_id_idx", f"{prefix}send", ["tenant", "template_id"], schema=schema)
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
        f"{prefix}order_customer_id_placed_at_idx",
        f"{prefix}order",
        ["tenant", "customer_id", "placed_at"],
        schema=schema,
    )
    op.create_index(f"{prefix}order_number_key", f"{prefix}order", ["tenant", "number"], unique=True, schema=schema)
    op.create_index(f"{prefix}order_opportunity_id_idx", f"{prefix}order", ["tenant", "opportunity_id"], schema=schema)
    op.create_index(f"{prefix}order_owner_idx", f"{prefix}order", ["tenant", "owner"], schema=schema)
    op.create_index(f"{prefix}order_partner_id_idx", f"{prefix}order", ["tenant", "partner_id"], schema=schema)
    op.create_index(f"{prefix}order_placed_at_idx", f"{prefix}order", ["tenant", "placed_at"], schema=schema)
    op.create_index(
        f"{prefix}order_status_placed_at_idx", f"{prefix}order", ["tenant", "status", "placed_at"], schema=schema
    )
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
