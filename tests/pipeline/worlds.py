"""When the tests of sales take place."""

from __future__ import annotations

from datetime import UTC, datetime

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # nine o'clock in Shanghai
