"""E-mail addresses and phone numbers in their matching form."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from crmkit.errors import InvalidInput
from crmkit.kernel.addresses import _PLAIN_EMAIL, email, phone

words = st.text("abz09-_+.", min_size=1, max_size=12)
labels = st.sampled_from(
    ["example", "a", "x-y", "a--b", "xn--a", "xn--nxasmq6b", "1", "com", "local", "test", "invalid"]
)
# Close to addresses, so that the border between right and wrong is hit often.
almost = st.builds("{}@{}".format, words, st.lists(labels | words, min_size=1, max_size=4).map(".".join))


def by_the_package(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        return None


@given(almost | st.from_regex(_PLAIN_EMAIL, fullmatch=True) | st.emails())
@example("a@" + "b" * 62 + ".c")
@example("a" * 250 + "@b.cc")
@example("a@b." + "c" * 61)
def test_the_short_way_leads_where_the_long_one_does(text: str) -> None:
    expected = by_the_package(text.lower())
    if _PLAIN_EMAIL.fullmatch(text) and len(text) <= 254:
        assert expected == text
    if expected is None or len(text) > 254:
        with pytest.raises(InvalidInput):
            email(text)
    else:
        assert email(text) == expected == email(expected) == email(f"  {text.upper().lower()} ")


@given(st.text(max_size=60) | st.text('@.a<>"\\ \u0301\ud800', max_size=20))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        result = email(text)
    except InvalidInput:
        return
    assert email(result) == result == result.lower()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Wang@Example.COM\n", "wang@example.com"),
        ("manager@studio.example", "manager@studio.example"),
        ("a@crm.test", "a@crm.test"),
        ("o'brien+crm@mail.example.org", "o'brien+crm@mail.example.org"),
        ("Straße@bücher.example", "straße@bücher.example"),
        ("a@xn--bcher-kva.example", "a@bücher.example"),
        ("wang@例子.中国", "wang@例子.中国"),
        ("zoe\u0308@example.org", "zoë@example.org"),
    ],
    ids=ascii,
)
def test_addresses_and_their_matching_form(value: str, expected: str) -> None:
    assert email(value) == expected
    assert email(expected) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("wang.example.com", "must have an @-sign"),
        ("@example.com", "something before the @-sign"),
        ("wang@", "something after the @-sign"),
        ("wang@example", "should have a period"),
        ("wang@example..com", "is no e-mail address"),
        ("wang@host.local", "special-use"),
        ("wang@[127.0.0.1]", "is not allowed here"),
        ('"xiao wang"@example.com', "is not allowed here"),
        ("Wang <wang@example.com>", "are not permitted here"),
        ("wang@example.com, li@example.com", "is no e-mail address"),
        ("wang\x00@example.com", "is no e-mail address"),
        ("a" * 250 + "@example.com", "1 to 254 characters, got 262 characters"),
        ("   ", "got 0 characters"),
        (None, "email must be an e-mail address, got None"),
        (b"wang@example.com", "email must be an e-mail address, got b'wang"),
    ],
    ids=ascii,
)
def test_what_is_no_address(value: Any, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        email(value)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("email ")


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("+86 139 1234 5678", None, "+8613912345678"),
        ("139 1234 5678", "CN", "+8613912345678"),
        ("0086 139-1234-5678", "CN", "+8613912345678"),
        ("＋８６ １３９ １２３４ ５６７８", "DE", "+8613912345678"),
        ("tel:+49-30-901820", None, "+4930901820"),
        ("(030) 90 18 20", "DE", "+4930901820"),
        ("06 698 1234", "IT", "+39066981234"),
        ("1-800-FLOWERS", "US", "+18003569377"),
    ],
    ids=ascii,
)
def test_phone_numbers_in_e164(value: str, region: str | None, expected: str) -> None:
    assert phone(value, region=region) == expected
    assert phone(expected, region=None) == phone(expected, region=region) == expected


@pytest.mark.parametrize(
    ("value", "region", "reason"),
    [
        ("139 1234 5678", None, "begin with + and the country code, or say which region"),
        ("+999 123 4567", None, "has no country code that exists"),
        ("+86 139", "CN", "is too short for a number of its country"),
        ("+86 139 1234 5678 90", "CN", "is too long for a number of its country"),
        ("253 0000", "US", "lacks the area code"),
        ("+1 202 555 0100 ext. 12", None, "has the extension 12: keep that in another field"),
        ("hello", "CN", "is no phone number: write it as +86"),
        ("1" * 90, "CN", "is no phone number"),
        ("139 1234 5678", "cn", "did you mean 'CN'"),
        ("139 1234 5678", "China", "unknown region 'China'"),
        ("  ", "CN", "got 0 characters"),
        ("1" * 101, "CN", "1 to 100 characters, got 101"),
        (None, "CN", "mobile must be a phone number, got None"),
        (13912345678, "CN", "got 13912345678 (int)"),
    ],
    ids=ascii,
)
def test_what_is_no_phone_number(value: Any, region: str | None, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        phone(value, region=region, what="mobile")
    assert reason in str(caught.value)
    assert str(caught.value).startswith("mobile ")


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)))
def test_every_country_has_numbers(region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    expected = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    for form in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
        assert phone(phonenumbers.format_number(number, form), region=region) == expected


@given(st.text(max_size=30) | st.text("+0123456789 -()x", max_size=20), st.sampled_from([None, "CN", "US", "IT"]))
def test_any_text_is_a_number_or_refused(text: str, region: str | None) -> None:
    try:
        result = phone(text, region=region)
    except InvalidInput:
        return
    assert result[0] == "+"
    assert result[1:].isdigit()
    assert phone(result, region=None) == result


def test_both_libraries_load_when_they_are_needed() -> None:
    script = (
        "import sys; from crmkit.kernel.addresses import email; email('wang@example.com'); "
        "assert not {'phonenumbers', 'email_validator'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
