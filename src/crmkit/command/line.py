"""``python -m crmkit``: what can be asked for, and what is answered."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from crmkit.command.doctor import Finding, examine
from crmkit.command.worker import Worker, stopped_by_signals
from crmkit.crm import CRM
from crmkit.errors import CrmError, InvalidInput

IN_MEMORY = {"memory://", "sqlite://", "sqlite:///:memory:", ":memory:"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for.

    Returns:
        the exit code: 0 when all is well, 1 when something is wrong; a misspelt command line exits with 2.
    """
    asked = parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except CrmError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted", code=130)
    except Exception as error:
        if not type(error).__module__.startswith(("sqlalchemy", "psycopg")):
            raise
        return _complain(f"the database says: {str(getattr(error, 'orig', None) or error).strip()}")
    return code


def _complain(message: str, *, code: int = 1) -> int:
    print(f"crmkit: {message}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """What the command line understands."""
    made = argparse.ArgumentParser(prog="python -m crmkit", description="The CRM domain as a Python library.")
    commands = made.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="see crmkit at work: a story, a year of a restaurant, and a page to open")
    demo.add_argument("--orders", metavar="FILE", type=Path, help="your own purchase log: customer, date, amount")
    demo.add_argument("--currency", help="ISO 4217 code of the amounts in FILE (USD unless given)")
    demo.add_argument(
        "--into", metavar="FOLDER", type=Path, default=Path("demo"), help="where to leave the results (demo)"
    )
    demo.set_defaults(run=_demo)

    migrate = commands.add_parser("migrate", help="create a database, or bring it up to date")
    _place(migrate)
    migrate.set_defaults(run=_migrate)

    worker = commands.add_parser("worker", help="do what is due and send what is to be sent, until told to stop")
    _place(worker)
    _tenants(worker)
    worker.add_argument("--once", action="store_true", help="one round, then stop")
    worker.add_argument("--every", metavar="SECONDS", type=float, default=5.0, help="time between two rounds (5)")
    worker.add_argument("--timezone", default="UTC", help="IANA zone in which calendar days begin (UTC)")
    worker.add_argument("--currency", default="EUR", help="ISO 4217 code in which empty sums are given (EUR)")
    worker.add_argument("--region", help="ISO 3166 code for telephone numbers without a country code")
    worker.add_argument("--plugins", action="store_true", help="use the installed plugins, channels among them")
    worker.set_defaults(run=_worker)

    doctor = commands.add_parser("doctor", help="say what is wrong with a database, and what to do; exit code 1 if so")
    _place(doctor)
    _tenants(doctor)
    doctor.add_argument(
        "--late",
        metavar="MINUTES",
        type=float,
        default=15.0,
        help="how long work may be overdue before it is wrong (15)",
    )
    doctor.set_defaults(run=_doctor)
    return made


def _place(command: argparse.ArgumentParser) -> None:
    command.add_argument("url", metavar="URL", help="path of a SQLite file, or postgresql+psycopg://user@host/name")
    command.add_argument("--prefix", default="crm_", help="what the names of the tables begin with (crm_)")
    command.add_argument("--schema", help="the database schema of the tables")


def _tenants(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tenant", action="append", default=[], help="for this tenant only; may be repeated")


def _open(asked: argparse.Namespace, target: Any = None, **options: Any) -> closing[CRM]:
    return closing(CRM.open(target or asked.url, table_prefix=asked.prefix, schema=asked.schema, **options))


def _demo(asked: argparse.Namespace) -> int:
    from crmkit.demo import play  # noqa: PLC0415 - it needs an extra, and nobody else does

    play(orders=asked.orders, currency=asked.currency, into=asked.into)
    return 0


def _migrate(asked: argparse.Namespace) -> int:
    _lasting(asked.url)
    with _open(asked, migrate=True) as crm:
        print(f"the database is at schema version {crm.storage.status().schema_version}")
    return 0


def _worker(asked: argparse.Namespace) -> int:
    _there(asked.url)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    settings = {"timezone": asked.timezone, "currency": asked.currency, "region": asked.region}
    with _open(asked, plugins="installed" if asked.plugins else (), **settings) as crm:
        worker = Worker(crm, every=asked.every, tenants=asked.tenant)
        with stopped_by_signals(worker):
            print(worker.once() if asked.once else worker.run())
    return 0


def _doctor(asked: argparse.Namespace) -> int:
    from crmkit.plugins.storage.sql.store import open_engine

    _there(asked.url)
    engine = open_engine(asked.url, only_read=True)
    try:
        with _open(asked, engine) as crm:
            found = examine(crm, tenants=asked.tenant, late=timedelta(minutes=asked.late))
    except CrmError as error:
        found = [Finding("database", str(error), wrong=True)]
    finally:
        engine.dispose()
    for finding in found:
        print(finding)
    return int(any(finding.wrong for finding in found))


def _lasting(url: str) -> None:
    if url in IN_MEMORY:
        raise InvalidInput(f"{url} is gone as soon as this command ends: give the path of a file or a database URL")


def _there(url: str) -> None:
    """Refuse a SQLite file that does not exist: opening it would make an empty one."""
    _lasting(url)
    path = url.removeprefix("sqlite+pysqlite://").removeprefix("sqlite://")
    if "://" not in path:
        file = Path(path.removeprefix("/") if path != url else path)
        if not file.exists():
            raise InvalidInput(f"there is no file {str(file)!r}: create it with `python -m crmkit migrate {url}`")
