"""Assignment: who gets which lead, and why."""
