"""Purchase logs: files of customer, date, amount and perhaps product, as shops and tills write them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import attrs

from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from crmkit.kernel.text import shown

NAMES: Mapping[str, Sequence[str]] = {  # the first ones are preferred; without case, blanks and underscores
    "customer": [
        "customer",
        "customerid",
        "customername",
        "client",
        "clientid",
        "buyer",
        "buyerid",
        "user",
        "userid",
        "cust",
        "custid",
        "member",
        "memberid",
        "account",
        "accountid",
        "客户",
        "顾客",
        "会员",
        "kunde",
        "kundennummer",
        "cliente",
        "email",
        "name",
        "id",
    ],
    "date": [
        "date",
        "orderdate",
        "purchasedate",
        "invoicedate",
        "transactiondate",
        "saledate",
        "day",
        "datetime",
        "timestamp",
        "time",
        "createdat",
        "placedat",
        "orderedat",
        "日期",
        "datum",
        "fecha",
    ],
    "amount": [
        "amount",
        "totalamount",
        "ordervalue",
        "ordertotal",
        "totalprice",
        "dollarvalue",
        "monetaryvalue",
        "total",
        "value",
        "revenue",
        "sales",
        "sale",
        "spent",
        "sum",
        "paid",
        "payment",
        "price",
        "金额",
        "betrag",
        "umsatz",
        "montant",
        "importe",
    ],
    "product": [
        "product",
        "productname",
        "item",
        "itemname",
        "sku",
        "article",
        "description",
        "category",
        "goods",
        "商品",
        "产品",
        "produkt",
        "artikel",
        "producto",
    ],
}
SYMBOLS = re.compile(r"[\s$€£¥₹]|[A-Z]{3}")
POINT = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
COMMA = re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d+),\d{1,2}")
COMMA_OR_WHOLE = re.compile(r"-?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?")
YEAR_FIRST = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[T ].*)?")
YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:[T ].*)?")
SHOWN = 5


@attrs.frozen
class Bought:
    """One row of a log."""

    customer: str
    on: date
    amount: Money
    product: str | None


@attrs.frozen
class Log:
    """What could be read.

    Attributes:
        rows: in the order of the file.
        problems: one line for each row that could not be read, with its number.
    """

    rows: tuple[Bought, ...]
    problems: tuple[str, ...]


def read_log(path: Path, *, currency: str) -> Log:
    """Read a purchase log.

    Comma, semicolon, tab, bar or blanks between the columns; with a header of known names in any order, or without one
    in the order customer, date, amount, product; also the files of CDNOW (customer, sample, date, number, amount).

    Args:
        path: a text file in UTF-8, or in UTF-16 with a byte order mark.
        currency: ISO 4217 code of the amounts.

    Raises:
        InvalidInput: the file cannot be read, has another encoding, no column for a date …; or nothing in it is right.
    """
    lines = [(n, line) for n, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    if not lines:
        raise InvalidInput(f"{path} is empty: it needs lines with customer, date and amount")
    table = list(_cells(lines))
    columns, body = _columns(path, table)
    day = _calendar(path, [cells[columns["date"]] for _, cells in body if len(cells) > columns["date"]])
    number = _numbers(cells[columns["amount"]] for _, cells in body if len(cells) > columns["amount"])
    rows, problems = [], []
    for place, cells in body:
        try:
            rows.append(_row(cells, columns, day, number, currency))
        except InvalidInput as error:
            problems.append(f"row {place}: {error}")
    if not rows:
        raise InvalidInput(f"no row of {path} can be used. {'; '.join(problems[:SHOWN])}")
    return Log(tuple(rows), tuple(problems))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise InvalidInput(
            f"{path}, row {row}: byte 0x{data[error.start]:02x} is not {encoding[:6].upper().rstrip('-')}: "
            "save the file as UTF-8"
        ) from None


def _cells(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line; the mark between them is the one that the first lines have most evenly."""
    marks = [m for m in ",;\t|" if all(m in line for _, line in islice(lines, 20))]
    mark = max(marks, key=lines[0][1].count, default=None)
    for number, line in lines:
        cells = line.split() if mark is None else next(csv.reader([line], delimiter=mark))
        yield number, [cell.strip() for cell in cells]


def _columns(
    path: Path, table: Sequence[tuple[int, list[str]]]
) -> tuple[Mapping[str, int], Sequence[tuple[int, list[str]]]]:
    """Where each column is, and the rows below the header."""
    first = table[0][1]
    names = [re.sub(r"[^\w]|_", "", cell).lower() for cell in first]
    found: dict[str, int] = {}
    for column, known in NAMES.items():
        place = next((names.index(name) for name in known if name in names), None)
        if place is not None and place not in found.values():
            found[column] = place
    if found.keys() >= {"customer", "date", "amount"}:
        return found, table[1:]
    if not any(_is_day(cell) for cell in first):
        lacks = sorted({"customer", "date", "amount"} - found.keys())
        raise InvalidInput(
            f"{path}: no column of the header {', '.join(map(shown, first[:8]))} is the {lacks[0]}: "
            "call the columns customer, date, amount and product"
        )
    return _without_header(path, first), table


def _without_header(path: Path, first: Sequence[str]) -> Mapping[str, int]:
    day = next(i for i, cell in enumerate(first) if _is_day(cell))
    if day == 2 and len(first) == 5:  # the sample of CDNOW: customer, number in the sample, date, how many, amount
        return {"customer": 0, "date": 2, "amount": 4}
    if day == 1 and len(first) == 4 and POINT.fullmatch(first[3]):  # all of CDNOW: customer, date, how many, amount
        return {"customer": 0, "date": 1, "amount": 3}
    if day != 1 or len(first) < 3:
        raise InvalidInput(f"{path} has no header, so its columns must be customer, date, amount and perhaps product")
    return {"customer": 0, "date": 1, "amount": 2, **({"product": 3} if len(first) > 3 else {})}


def _row(
    cells: Sequence[str],
    columns: Mapping[str, int],
    day: Callable[[str], date],
    number: Callable[[str], str],
    currency: str,
) -> Bought:
    if len(cells) <= max(columns[name] for name in ("customer", "date", "amount")):
        raise InvalidInput(f"it has {len(cells)} columns, too few")
    customer, amount = cells[columns["customer"]], number(cells[columns["amount"]])
    if not customer:
        raise InvalidInput("there is no customer")
    if amount.startswith("-"):
        raise InvalidInput(f"the amount {amount} is negative: what went back is left out")
    product = cells[columns["product"]] if "product" in columns and len(cells) > columns["product"] else ""
    return Bought(customer, day(cells[columns["date"]]), Money.rounded(amount, currency), product or None)


def _numbers(texts: Iterable[str]) -> Callable[[str], str]:
    """How the file writes amounts: with a decimal point, or with a decimal comma if one of them cannot mean else."""
    comma = any(COMMA.fullmatch(SYMBOLS.sub("", text)) for text in texts)

    def read(text: str) -> str:
        plain = SYMBOLS.sub("", text)
        if not (COMMA_OR_WHOLE if comma else POINT).fullmatch(plain):
            raise InvalidInput(f"{shown(text)} is no amount such as {'1234,50' if comma else '1234.50'}")
        return plain.replace(".", "").replace(",", ".") if comma else plain.replace(",", "")

    return read


def _is_day(text: str) -> bool:
    return bool(YEAR_FIRST.fullmatch(text) or YEAR_LAST.fullmatch(text))


def _calendar(path: Path, texts: Sequence[str]) -> Callable[[str], date]:
    """How the file writes days: the year first, or last behind day and month in an order that its days give away."""
    pairs = [tuple(map(int, m.group(1, 2))) for text in texts if (m := YEAR_LAST.fullmatch(text))]
    day_first = any(first > 12 for first, _ in pairs)
    month_first = any(second > 12 for _, second in pairs)
    if pairs and not day_first and not month_first:
        raise InvalidInput(
            f"{path}: {shown(texts[0])} and the others may be day or month first: write them as 2026-01-31"
        )
    if day_first and month_first:
        raise InvalidInput(f"{path} has days and months first among its dates: write all of them as 2026-01-31")

    def read(text: str) -> date:
        try:
            if found := YEAR_FIRST.fullmatch(text):
                return date(*map(int, found.group(1, 2, 3)))
            if found := YEAR_LAST.fullmatch(text):
                one, two, year = map(int, found.group(1, 2, 3))
                return date(year, two, one) if day_first else date(year, one, two)
            return datetime.fromisoformat(text).date()
        except ValueError:
            raise InvalidInput(f"{shown(text)} is no date such as 2026-01-31") from None

    return read
