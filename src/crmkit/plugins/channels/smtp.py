"""The e-mail channel: hands messages to a mail server.

Source: RFC 5321, section 4.2.1, for what a reply code means (4yz: try again, 5yz: don't); RFC 8314 for TLS from the
first byte on port 465 and STARTTLS on port 587; RFC 5322, section 3.6.4, for ``Message-ID``; RFC 6531 for addresses
that are not ASCII.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import localtime
from typing import Literal

import attrs

from crmkit.errors import DeliveryFailed, InvalidInput
from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import Limits

Security = Literal["starttls", "tls", "none"]
PORTS: dict[str, int] = {"starttls": 587, "tls": 465, "none": 25}
SPECIAL = re.compile(r"""[\s"(),:;<>@\[\\\]]|^\.|\.$|\.\.""")
MAIL = Limits(html=True)
# A mail program shows these to the reader, or to nobody; whatever else stands in a message's headers stays at home.
PASSED_ON = ("list-", "x-", "reply-to", "in-reply-to", "references", "auto-submitted", "precedence")


def _address(text: str, *, what: str) -> Address:
    """One address, with or without a name before it, and its domain in ASCII."""
    name, bracket, rest = text.rpartition("<")
    local, _, domain = (rest.removesuffix(">") if bracket else text).strip().rpartition("@")
    if text.isprintable() and local and domain:
        with suppress(ValueError, MessageError):  # what the standard library thinks of broken addresses
            host = domain.encode("idna").decode()
            display = name.strip().strip('"') if bracket else ""
            if local.isascii():
                return Address(display, addr_spec=f"{local}@{host}")
            if not SPECIAL.search(local):
                return Address(display, username=local, domain=host)
    raise InvalidInput(f"{what} is one e-mail address, got {text!r}")


def _sender(text: str) -> Address:
    return _address(text, what="the sender of a mail channel")


def _usual_port(settings: SmtpSettings) -> int:
    return PORTS.get(settings.security, 0)


@attrs.frozen(kw_only=True)
class SmtpSettings:
    """Where the mail server is, and how to speak to it.

    Args:
        host: its name.
        security: ``starttls`` (encrypt after the greeting), ``tls`` (encrypt from the first byte), or ``none`` for a
            server on the same machine.
        port: 587, 465 or 25 by *security*, unless given.
        user: the name to log in with; none if the server asks for no login.
        password: the password to it; it is never shown.
        timeout: how long to wait for each step of the conversation, in seconds, above 0.
        context: the TLS settings; certificates are checked unless it says otherwise.

    Raises:
        InvalidInput: a value is not of that form, or a password would travel unencrypted.

    Example:
        >>> SmtpSettings(host="mail.example.com", security="tls").port
        465
        >>> SmtpSettings(host="mail.example.com", user="studio", password="hush", security="none")
        Traceback (most recent call last):
        crmkit.errors.InvalidInput: a password is sent encrypted only: security="starttls" or "tls"
    """

    host: str
    security: Security = "starttls"
    port: int = attrs.field(default=attrs.Factory(_usual_port, takes_self=True))
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    timeout: float = 10.0
    context: ssl.SSLContext | None = attrs.field(default=None, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if self.security not in PORTS:
            raise InvalidInput(f"the security of a mail server is one of {', '.join(PORTS)}, not {self.security!r}")
        if not self.host or not self.host.isprintable() or " " in self.host:
            raise InvalidInput(f"the host of a mail server is its name, got {self.host!r}")
        if not 0 < self.port < 65536:
            raise InvalidInput(f"the port of a mail server is 1 to 65535, got {self.port!r}")
        if not 0 < self.timeout <= 3600:
            raise InvalidInput(
                f"the timeout of a mail server is above 0 and at most 3600 seconds, got {self.timeout!r}"
            )
        if (self.user is None) != (self.password is None):
            raise InvalidInput("a login needs both user= and password=")
        if self.user is not None and self.security == "none":
            raise InvalidInput('a password is sent encrypted only: security="starttls" or "tls"')


@attrs.frozen(eq=False)
class SmtpChannel:
    """Hands messages to a mail server.

    SMTP knows no idempotency: the ``Message-ID`` is made of the message's id, so that a message that had to be sent
    twice can be recognised by mail servers and programs, and most of them do.

    Args:
        settings: where the mail server is.
        sender: who writes: ``studio@example.com`` or ``The Studio <studio@example.com>``.
        name: what the channel is called.
        carries: the kinds of message that it takes.
        limits: what it can carry.

    Raises:
        InvalidInput: *sender* is not one address.

    >>> SmtpChannel(SmtpSettings(host="mail.example.com", user="studio", password="hush"), sender="studio@example.com")
    SmtpChannel(settings=SmtpSettings(host='mail.example.com', security='starttls', port=587, user='studio', \
timeout=10.0), sender=studio@example.com, name='smtp')
    """

    settings: SmtpSettings
    sender: Address = attrs.field(converter=_sender, repr=str, kw_only=True)
    name: str = attrs.field(default="smtp", kw_only=True)
    carries: frozenset[str] = attrs.field(default=frozenset({"email"}), kw_only=True, repr=False)
    limits: Limits = attrs.field(default=MAIL, kw_only=True, repr=False)

    def send(self, message: Message) -> str | None:
        """Hand *message* over; its ``Message-ID``.

        Raises:
            DeliveryFailed: the server cannot be reached or refuses.  A reply of 500 and more to the message or its
                address is for good; a refused login is not, since it tells nothing of the message.
        """
        mail = self.mail(message)
        to = mail["To"].addresses[0].addr_spec
        with self._conversation() as server, _refusals_of_the_message():
            server.send_message(mail, from_addr=self.sender.addr_spec, to_addrs=[to])
        return str(mail["Message-ID"])

    def mail(self, message: Message) -> EmailMessage:
        """What is sent.

        Raises:
            DeliveryFailed: the address is not one, for good.

        Example:
            >>> from crmkit import CRM
            >>> channel = SmtpChannel(SmtpSettings(host="mail.example.com"), sender="The Studio <studio@example.com>")
            >>> with CRM.open() as crm:
            ...     with crm.work() as work:
            ...         work.post(channel="email", to="li@example.com", subject="Album", body="Hello", key="hello")
            ...     (message,) = crm.outbox.due()
            >>> mail = channel.mail(message)
            >>> str(mail["From"]), str(mail["To"]), mail["Message-ID"] == f"<{message.id}@example.com>"
            ('The Studio <studio@example.com>', 'li@example.com', True)
        """
        try:
            to = _address(message.to, what="the recipient of an e-mail")
        except InvalidInput as error:
            raise DeliveryFailed(str(error), permanent=True) from None
        international = not (to.addr_spec + self.sender.addr_spec).isascii()
        mail = EmailMessage(policy=SMTPUTF8 if international else SMTP)
        mail["From"], mail["To"] = self.sender, to
        mail["Subject"] = message.subject or ""
        mail["Date"] = localtime()
        mail["Message-ID"] = f"<{message.id}@{self.sender.domain}>"
        for header, value in message.headers.items():
            if header.lower().startswith(PASSED_ON) and header.isascii() and str(value).isprintable():
                mail[header] = str(value)
        mail.set_content(message.body, cte="base64" if not message.body.isascii() else None)
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html")
        return mail

    @contextmanager
    def _conversation(self) -> Iterator[smtplib.SMTP]:
        settings, server = self.settings, None
        try:
            server = self._connect()
            if settings.security == "starttls":
                server.starttls(context=self._context())
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password)
            yield server
        except smtplib.SMTPResponseException as error:
            raise DeliveryFailed(f"{settings.host} refuses: {_said(error.smtp_code, error.smtp_error)}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(f"{settings.host} cannot be used: {type(error).__name__}: {error}") from None
        finally:
            if server is not None:
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()  # what was accepted has been sent, however the server says good-bye

    def _connect(self) -> smtplib.SMTP:
        settings = self.settings
        if settings.security == "tls":
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout, context=self._context())
        return smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)

    def _context(self) -> ssl.SSLContext:
        return self.settings.context or ssl.create_default_context()


@contextmanager
def _refusals_of_the_message() -> Iterator[None]:
    """A refusal of this very message: for good if the reply is 500 or more."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise DeliveryFailed(f"the address was refused: {_said(code, text)}", permanent=code >= 500) from None
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryFailed(f"the mail server cannot carry the message: {error}", permanent=True) from None
    except smtplib.SMTPResponseException as error:
        said = _said(error.smtp_code, error.smtp_error)
        raise DeliveryFailed(f"the message was refused: {said}", permanent=error.smtp_code >= 500) from None


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())[:200]}"
