"""Addresses: e-mail addresses and phone numbers in the one form in which they are stored and compared.

Only the form is judged, without any network: whether an address is deliverable is what its first message shows.
"""

from __future__ import annotations

import re
from functools import lru_cache

from crmkit.errors import InvalidInput
from crmkit.kernel.text import nearest, shown

_EMAIL_LIMIT = 254
_PHONE_LIMIT = 100
# A plain address: what the email-validator package gives back unchanged, at a thirtieth of the time.  Everything else,
# right or wrong, is left to the package: other letters, punycode, long domains and reserved top-level domains.
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*"
    r"@(?=[^@]{4,63}\Z)(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion)\Z)[a-z]{2,63}"
)


def email(value: object, *, what: str = "email") -> str:
    """Give an e-mail address in its matching form: trimmed, in lower case, in normalisation form C.

    The part before the @ is folded too.  RFC 5321 leaves its case to the receiving host, but no host in use tells
    ``Wang@`` from ``wang@``, and customers write both.  International addresses are accepted, and punycode domains come
    out readable.  Quoted local parts, IP addresses, display names and the domains that nobody can own (``.invalid``,
    ``.local``, ``.localhost``, ``.onion``, ``.arpa``) are refused; ``.test`` and ``.example`` are accepted for tests.

    Args:
        value: what a caller handed over, at most 254 bytes.
        what: the name of the field, for the message.

    Raises:
        InvalidInput: it is no e-mail address; the message says why.

    Definition: RFC 5321 and RFC 6531, as read by the email-validator package.

    Example:
        >>> email(" Wang@Example.com ")
        'wang@example.com'
        >>> email("wang.example.com")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: email 'wang.example.com' is no e-mail address: An email address must have an @-sign.
        Write it as name@example.com
    """
    text = _trimmed(value, what=what, kind="an e-mail address", limit=_EMAIL_LIMIT).lower()
    return text if _PLAIN_EMAIL.fullmatch(text) else _checked_email(text, what)


def _checked_email(text: str, what: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(
            text,
            allow_smtputf8=True,
            allow_empty_local=False,
            allow_quoted_local=False,
            allow_domain_literal=False,
            allow_display_name=False,
            check_deliverability=False,
            test_environment=True,
        ).normalized
    except EmailNotValidError as problem:
        raise InvalidInput(
            f"{what} {shown(text)} is no e-mail address: {problem} Write it as name@example.com"
        ) from None


def phone(value: object, *, region: str | None, what: str = "phone") -> str:
    """Give a phone number in E.164 form: ``+``, the country code and the number, digits only.

    A number must be possible (its length fits its country), not known to be assigned: new ranges open every month.  An
    extension has no place in E.164 and is refused rather than dropped, since without it the call reaches somebody else.

    Args:
        value: what a caller handed over, with any usual punctuation.
        region: the country (ISO 3166-1, two capitals) whose national numbers are understood; None if every number must
            begin with ``+``.
        what: the name of the field, for the message.

    Raises:
        InvalidInput: it is no phone number, lacks its country or area code, or has an extension; or the region is
            unknown.

    Definition: ITU-T E.164, with the numbering plans of Google's libphonenumber.

    Example:
        >>> phone("139 1234 5678", region="CN"), phone("+86 (139) 1234-5678", region=None)
        ('+8613912345678', '+8613912345678')
    """
    text = _trimmed(value, what=what, kind="a phone number", limit=_PHONE_LIMIT)
    try:
        return _e164(text, region)
    except InvalidInput as problem:
        raise InvalidInput(f"{what} {shown(text)} {problem}") from None


_IMPOSSIBLE = {
    1: "has a country code that does not exist: begin with + and the country code",
    2: "is too short for a number of its country",
    3: "is too long for a number of its country",
    4: "lacks the area code",
}  # by the numbers of phonenumbers.ValidationResult


@lru_cache(maxsize=16_384)
def _e164(text: str, region: str | None) -> str:
    import phonenumbers

    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        known = nearest(str(region), phonenumbers.SUPPORTED_REGIONS)
        hint = f"did you mean {known!r}?" if known else "use two capitals such as 'CN'"
        raise InvalidInput(f"cannot be read in the unknown region {shown(region)}: {hint}")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as problem:
        if problem.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise InvalidInput(
                "has no country code that exists: begin with + and the country code"
                + ("" if region else ", or say which region national numbers belong to")
            ) from None
        raise InvalidInput("is no phone number: write it as +86 139 1234 5678") from None
    if number.extension:
        raise InvalidInput(f"has the extension {number.extension}: keep that in another field")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InvalidInput(_IMPOSSIBLE.get(possible, "has a length that no number of its country has"))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _trimmed(value: object, *, what: str, kind: str, limit: int) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be {kind}, got {shown(value)} ({type(value).__name__})")
    text = value.strip()
    if not text or len(text) > limit:
        raise InvalidInput(f"{what} must be {kind} of 1 to {limit} characters, got {len(text):,} characters")
    return text
