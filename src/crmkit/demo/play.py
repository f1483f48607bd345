"""Playing: what ``python -m crmkit demo`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, time
from pathlib import Path

from crmkit.crm import CRM
from crmkit.demo.findings import Analyst, Findings, Section, of_restaurant
from crmkit.demo.guests import FIRST, LAST, TASTES
from crmkit.demo.log import SHOWN, Bought, Log, read_log
from crmkit.demo.page import page
from crmkit.demo.restaurant import Restaurant, live_through, opened
from crmkit.demo.screen import Screen
from crmkit.demo.story import Told, tell
from crmkit.errors import InvalidInput
from crmkit.kernel.clock import FrozenClock, utc, zone
from crmkit.kernel.ids import IdSource
from crmkit.pipeline import Line
from crmkit.pipeline.sales import Sale

BATCH = 500


def play(*, orders: Path | None = None, currency: str | None = None, into: Path = Path("demo")) -> tuple[Path, Path]:
    """Show crmkit at work, and leave a SQLite file and an HTML page.

    Args:
        orders: a purchase log to analyse instead of the invented year.
        currency: ISO 4217 code of its amounts; USD unless given.
        into: the folder for the two files; files of an earlier demo are replaced.

    Returns:
        the SQLite file and the page.

    Raises:
        CrmError: the extra ``demo`` is not installed.
        InvalidInput: the log cannot be read, or a currency is given without a log.
    """
    screen = Screen()
    if orders is None and currency is not None:
        raise InvalidInput("--currency is for the amounts of --orders FILE; the invented restaurant takes CNY")
    log = None if orders is None else read_log(orders, currency=currency or "USD")
    try:
        into.mkdir(parents=True, exist_ok=True)
        database, html = into / ("demo.sqlite3" if log is None else "orders.sqlite3"), into / "demo.html"
        for old in into.glob(f"{database.name}*"):
            old.unlink()
    except OSError as error:
        raise InvalidInput(f"{into} cannot be written: {error.strerror}; choose another folder with --into") from None
    if log is None or orders is None:
        text = _invented(database, screen)
    else:
        html = into / "orders.html"
        text = _own(orders, log, currency or "USD", database, screen)
    html.write_text(text, encoding="utf-8")
    screen.chapter("Yours now")
    screen.fact(f"the database: {database.resolve()}")
    screen.fact(f"the page:     {html.resolve()}")
    return database, html


def _invented(database: Path, screen: Screen) -> str:
    told = tell(database, screen)
    screen.chapter(
        "A year of a restaurant", "2,000 invented guests with tastes, birthdays and habits; the same ones each time."
    )
    with opened(database) as (crm, clock):
        live_through(Restaurant(crm, clock), screen)
        questions = of_restaurant(crm, since=FIRST, until=LAST, tastes=list(TASTES))
        sections = _shown(questions, screen)
        facts = Analyst(crm, since=FIRST, until=LAST).facts()
    restaurant = Findings(title=f"The restaurant in {FIRST.year}", facts=facts, sections=sections)
    return page(
        "A restaurant, a studio, and what can be learned from them",
        "Made by “python -m crmkit demo”: everything here was computed by crmkit from the database beside this page.",
        [restaurant, _studio(told)],
        footer="The people and purchases are invented. Each number comes with the line of Python that finds it.",
    )


def _studio(told: Told) -> Findings:
    facts = {name: str(value) for name, value in told.results.facts().items()}
    known = [
        [name, str(v)] for section in told.portrait.sections.values() for name, v in section.items() if v is not None
    ]
    return Findings(
        title="The wedding studio",
        facts={name: facts[name] for name in ("income", "cost", "return on investment", "leads", "conversions")},
        sections=[
            Section(
                title=f"All that is known of {told.portrait.customer.name}",
                words="One section for each room: the person, sales, life cycle, service. "
                f"{told.messages} messages were sent in the story.",
                headers=("what", "value"),
                rows=known,
                code="crm.customers.profile(wang)",
            )
        ],
    )


def _own(path: Path, log: Log, currency: str, database: Path, screen: Screen) -> str:
    screen.chapter(f"The purchases of {path.name}", f"{len(log.rows):,} rows in {currency}.")
    for problem in log.problems[:SHOWN]:
        screen.fact(f"left out: {problem}")
    if len(log.problems) > SHOWN:
        screen.fact(f"and {len(log.problems) - SHOWN:,} more rows were left out")
    since, until = min(row.on for row in log.rows), max(row.on for row in log.rows)
    clock = FrozenClock(utc(datetime.combine(until, time(23, 59), tzinfo=zone("UTC")), what="the last day"))
    with CRM.open(database, currency=currency, clock=clock, ids=IdSource(seed=len(log.rows)), durable=False) as crm:
        load(crm, log.rows, screen)
        analyst = Analyst(crm, since=since, until=until)
        asked = [analyst.growth, analyst.change, analyst.groups, analyst.cohorts, analyst.future]
        if any(row.product for row in log.rows):
            asked.append(analyst.products)
        found = Findings(title=f"From {since} to {until}", facts=analyst.facts(), sections=_shown(asked, screen))
    left_out = f" {len(log.problems):,} rows could not be read and were left out." if log.problems else ""
    return page(
        path.name,
        f"{len(log.rows):,} purchases, analysed by “python -m crmkit demo --orders {path.name}”.{left_out}",
        [found],
        footer="Each number comes with the line of Python that finds it.",
    )


def load(crm: CRM, rows: Sequence[Bought], screen: Screen) -> None:
    """Register the customers of a log, and record their purchases."""
    names = list(dict.fromkeys(row.customer for row in rows))
    made = crm.customers.register_many({"name": name} for name in names)
    known = dict(zip(names, made, strict=True))
    batches = [rows[begin : begin + BATCH] for begin in range(0, len(rows), BATCH)]
    for batch in screen.progress(batches, what="Recording purchases"):
        crm.pipeline.sales.record(
            Sale(
                customer=known[row.customer],
                lines=[Line(row.product or "purchase", unit_price=row.amount)],
                at=datetime.combine(row.on, time(12), tzinfo=zone("UTC")),
            )
            for row in batch
        )


def _shown(questions: Iterable[Callable[[], Section]], screen: Screen) -> list[Section]:
    sections = []
    for ask in questions:
        section = ask()
        screen.step(f"{section.title}  {section.words}", code=section.code)
        if section.rows:
            screen.table(section.headers, section.rows, caption=section.caption)
        sections.append(section)
    return sections
