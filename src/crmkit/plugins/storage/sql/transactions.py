"""When a transaction really begins on SQLite, whoever has made the engine.

SQLAlchemy believes a transaction to be open from the first statement on.  Python's driver opens one before the first
*change*, unless the engine is made by the recipe in SQLAlchemy's documentation, which opens one at once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from crmkit.plugins.storage.sql.driver import Driver


def leave_on_sqlite(connection: Connection) -> None:
    """End what the engine has begun by itself, before anything was done in it."""
    if _inside(connection):
        connection.exec_driver_sql("ROLLBACK")


def begin_on_sqlite(driver: Driver, statement: str) -> None:
    """Begin as *statement* says."""
    leave_on_sqlite(driver.connection)
    driver.run(statement)


def join_on_sqlite(connection: Connection) -> None:
    """Make sure that a host's transaction has begun.

    Otherwise our savepoint would be the transaction itself, and its end would commit.
    """
    if not _inside(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _inside(connection: Connection) -> bool:
    if not connection.in_transaction():
        connection.begin()
    driver: Any = connection.connection.driver_connection
    inside: bool = driver.in_transaction
    return inside
