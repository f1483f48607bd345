"""The SQL store: tables and mappers derived from the entities, rules compiled to conditions."""
