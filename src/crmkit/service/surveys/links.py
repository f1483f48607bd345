"""Links: single-use, signed by the host's secret, so that nobody answers for somebody else.

A token is the id of an invitation and its HMAC-SHA256 (RFC 2104, FIPS 180-4).  A forged one is refused before any look
into the store; of a genuine one the store keeps a hash only.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from crmkit.errors import InvalidInput
from crmkit.kernel.text import shown

if TYPE_CHECKING:
    from crmkit.kernel.work import Work

SECRET: Final = "service.survey_secret"  # noqa: S105 - the name of the question, not its answer
SHORTEST: Final = 16


def no_secret() -> None:
    """What is known of the secret when the host says nothing."""


def secrets_of(work: Work) -> list[bytes]:
    """The secrets of the host: the first one signs, all of them are accepted, so that a secret can be replaced.

    Raises:
        InvalidInput: there is none, or one is too short.
    """
    said: Any = work.house.answers[SECRET]()
    several: Sequence[Any] = said if isinstance(said, (list, tuple)) else [] if said is None else [said]
    secrets = [s.encode() if isinstance(s, str) else s for s in several]
    if not secrets:
        raise InvalidInput(
            f"links of surveys are signed: open the CRM with answers={{{SECRET!r}: lambda: …}}, a secret text or bytes"
        )
    if any(not isinstance(s, bytes) or len(s) < SHORTEST for s in secrets):
        raise InvalidInput(f"{SECRET} answers with a text or bytes of {SHORTEST} bytes or more, or a list of them")
    return secrets


def sign(secret: bytes, identifier: str) -> str:
    """The token of an invitation.

    >>> sign(b"sixteen bytes ok", "inv_1").split(".")[0]
    'inv_1'
    """
    seal = hmac.new(secret, b"crmkit survey link\0" + identifier.encode(), sha256).digest()
    return f"{identifier}.{urlsafe_b64encode(seal).decode().rstrip('=')}"


def signed(secrets: Sequence[bytes], token: object) -> str:
    """The id in a genuine token.

    Raises:
        InvalidInput: the token was not made with one of *secrets*.
    """
    text = token if isinstance(token, str) and token.isascii() else ""
    identifier = text.partition(".")[0]
    if not any(hmac.compare_digest(sign(s, identifier), text) for s in secrets):
        raise InvalidInput(f"the link {shown(token)} is not one that was sent: it is incomplete or forged")
    return identifier


def fingerprint(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()
