"""Purchase logs: many ways to write the same rows, and what is said about those that are wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from crmkit.demo.log import Bought, Log, read_log
from crmkit.errors import InvalidInput
from crmkit.kernel.money import Money
from tests.cdnow import purchase_log

ANN = Bought("ann", date(2026, 1, 31), Money("1234.50", "EUR"), None)
BOB = Bought("bob", date(2026, 2, 1), Money(7, "EUR"), None)


def log(folder: Path, text: str | bytes) -> Log:
    file = folder / "log.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_log(file, currency="EUR")


@pytest.mark.parametrize(
    "text",
    [
        "customer,date,amount\nann,2026-01-31,1234.50\nbob,2026-02-01,7",
        "Amount;Customer ID;Order Date\n1234.50;ann;2026-01-31\n\n7;bob;2026-02-01\n",
        "ann,2026-01-31,1234.50\nbob,2026-02-01,7\n",
        "ann\t31.01.2026\t1.234,50\nbob\t01.02.2026\t7,00\n",
        'name,purchase_date,total\nann,2026-01-31T18:30:00Z,"$1,234.50"\nbob,20260201,7.00 EUR',
        "客户|日期|金额\nann|2026年1月31日|¥1234.50\nbob|2026/2/1|7",
        "ann 2026-01-31 1234.50\r\nbob 2026-02-01 7\r\n",
        "id,customer,date,amount\n1,ann,01/31/2026,1234.5\n2,bob,02/01/2026,7",
        "﻿customer,date,amount\nann,2026-01-31,1234.50\nbob,2026-02-01,7",
        "customer,date,amount\nann,2026-01-31,1234.50\nbob,2026-02-01,7".encode("utf-16"),
    ],
)
def test_the_same_rows_written_differently(tmp_path: Path, text: str | bytes) -> None:
    assert log(tmp_path, text) == Log((ANN, BOB), ())


def test_products_by_header_and_by_place(tmp_path: Path) -> None:
    named = log(tmp_path, "sku,customer,date,amount\nA-1,ann,2026-01-31,5\n,ann,2026-01-31,5")
    assert [row.product for row in named.rows] == ["A-1", None]
    placed = log(tmp_path, 'ann,2026-01-31,5,"Tea, green"\n')
    assert [row.product for row in placed.rows] == ["Tea, green"]


def test_rows_that_are_wrong_are_reported_with_their_number_and_the_others_go_on(tmp_path: Path) -> None:
    found = log(
        tmp_path,
        "customer,date,amount\n"
        "ann,2026-01-31,1234.50\n"
        "ann,2026-02-30,5\n"
        ",2026-02-01,5\n"
        "\n"
        "ann,yesterday,5\n"
        "ann,2026-02-01,five\n"
        "ann,2026-02-01,-5\n"
        "ann,2026-02-01\n"
        "bob,2026-02-01,7\n",
    )
    assert found.rows == (ANN, BOB)
    assert found.problems == (
        "row 3: '2026-02-30' is no date such as 2026-01-31",
        "row 4: there is no customer",
        "row 6: 'yesterday' is no date such as 2026-01-31",
        "row 7: 'five' is no amount such as 1234.50",
        "row 8: the amount -5 is negative: what went back is left out",
        "row 9: it has 2 columns, too few",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("customer,date,price of it\nann,2026-01-31,5", "is the amount: call the columns"),
        ("customer,date,amount\nann,01.02.2026,5", "day or month first"),
        ("customer,date,amount\nann,31.01.2026,5\nann,01.31.2026,5", "days and months first"),
        ("customer,date,amount\nann,never,5", "no row of .* can be used. row 2: 'never' is no date"),
        ("customer,date,amount\nann,2026-01-31,5\nJos\xe9,2026-01-31,5".encode("latin-1"), "row 3: byte 0xe9"),
        ("ann,5,2026-01-31", "columns must be customer, date, amount"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        log(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing\.csv cannot be read: No such file"):
        read_log(tmp_path / "nothing.csv", currency="EUR")


def test_cdnow() -> None:
    found = read_log(purchase_log(), currency="USD")
    assert (len(found.rows), found.problems) == (6919, ())
    assert found.rows[0] == Bought("00004", date(1997, 1, 1), Money("29.33", "USD"), None)
    assert len({row.customer for row in found.rows}) == 2357
    assert max(row.on for row in found.rows) == date(1998, 6, 30)


def test_the_whole_log_of_cdnow_has_four_columns(tmp_path: Path) -> None:
    with_header = log(tmp_path, " customer_id  date number_of_cds  dollar_value\n 00001 19970101  1   11.77\n")
    without = log(tmp_path, " 00001 19970101  1   11.77\n")
    assert with_header == without
    assert without.rows == (Bought("00001", date(1997, 1, 1), Money("11.77", "EUR"), None),)
