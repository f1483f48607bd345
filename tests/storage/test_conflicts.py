"""Whoever is slower than somebody else is told so in words of the domain, whatever the database calls it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from crmkit import CRM
from crmkit.errors import Conflict
from crmkit.plugins.storage.sql import store as stores


def test_a_deadlock_on_postgresql_is_a_conflict(postgres_database: str) -> None:
    """Two transactions change two customers in opposite order: one of them is told to try again."""
    with CRM.open(postgres_database, migrate=True) as crm:
        one, two = crm.customers.register(name="One"), crm.customers.register(name="Two")
        both, lost = threading.Barrier(2), list[Conflict]()

        def change(first: Any, second: Any) -> None:
            try:
                with crm.work() as work:
                    work.save(work.get(type(first), first.id).updated(note="first"))
                    both.wait(timeout=30)
                    work.save(work.get(type(second), second.id).updated(note="second"))
            except Conflict as conflict:
                lost.append(conflict)

        threads = [threading.Thread(target=change, args=pair) for pair in ((one, two), (two, one))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(lost) == 1
        assert "try again" in str(lost[0])
        notes = {crm.customers.get(customer.id).note for customer in (one, two)}
        assert notes == {"first", "second"}


def test_a_writer_that_never_gets_its_turn_is_a_conflict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "BUSY_TIMEOUT", 50)
    path = tmp_path / "busy.db"
    with CRM.open(path) as crm:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Conflict, match="try again"):
            crm.customers.register(name="Xiao Wang")
        other.execute("ROLLBACK")
        other.close()
        assert crm.customers.count() == 0
        assert crm.customers.register(name="Xiao Wang").version == 1
