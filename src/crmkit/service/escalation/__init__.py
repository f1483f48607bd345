"""Escalation: who is told when a case waits too long."""
