"""The e-mail channel, against a real mail server on this machine."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmkit import DeliveryFailed, InvalidInput
from crmkit.kernel.outbox import Message
from crmkit.plugins.channels.port import Channel, Limits
from crmkit.plugins.channels.smtp import Security, SmtpChannel, SmtpSettings
from crmkit.testing.suites import ChannelSuite

CERTIFICATE = Path(__file__).with_name("localhost.pem")  # of nobody but these tests, with its key
PASSWORD = "s3cret-Pa55"


@attrs.define
class Mail:
    sender: str
    to: str
    options: str
    secure: bool
    content: bytes

    @property
    def parsed(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def text(self, kind: str = "plain") -> str:
        part = self.parsed.get_body((kind,))
        assert part is not None
        text: str = part.get_content()
        return text.replace("\r\n", "\n").removesuffix("\n")


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is given, and refuses what it is told to."""

    allow_reuse_address = True
    request_queue_size = 32
    daemon_threads = True

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.tls = tls
        self.mails: list[Mail] = []
        self.replies: dict[str, str] = {}
        self.offers = ["STARTTLS", "AUTH PLAIN", "SMTPUTF8", "8BITMIME"]
        self.lock = threading.Lock()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTIFICATE)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


class Conversation(socketserver.BaseRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.secure, self.sender, self.to, self.options = False, "", "", ""
        try:
            if self.server.tls:
                self.encrypt()
            self.lines = self.request.makefile("rb")
            self.say("220 ready")
            while (line := self.lines.readline()) and self.answer(line.decode().rstrip("\r\n")):
                pass
            self.lines.close()
        finally:
            self.request.close()

    def say(self, text: str) -> None:
        self.request.sendall(f"{text}\r\n".encode())

    def encrypt(self) -> None:
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.secure = True

    def answer(self, line: str) -> bool:
        verb = line.split(" ", maxsplit=1)[0].upper()
        if verb in self.server.replies:
            self.say(self.server.replies[verb])
            return verb != "QUIT"
        getattr(self, f"on_{verb.lower()}", self.on_other)(line)
        return verb != "QUIT"

    def on_ehlo(self, _: str) -> None:
        offers = [o for o in self.server.offers if not (self.secure and o == "STARTTLS")]
        self.say("\r\n".join(["250-localhost", *(f"250-{o}" for o in offers), "250 HELP"]))

    def on_starttls(self, _: str) -> None:
        self.say("220 go on")
        self.lines.close()
        self.encrypt()
        self.lines = self.request.makefile("rb")

    def on_auth(self, line: str) -> None:
        right = base64.b64encode(f"\0studio\0{PASSWORD}".encode()).decode()
        self.say("235 welcome" if line == f"AUTH PLAIN {right}" else "535 who are you?")

    def on_mail(self, line: str) -> None:
        self.sender, self.options = line.removeprefix("mail ").split(" ", 1)[0], line
        self.say("250 fine")

    def on_rcpt(self, line: str) -> None:
        self.to = line.partition("<")[2].partition(">")[0]
        self.say("250 fine")

    def on_data(self, _: str) -> None:
        self.say("354 go on")
        lines: list[bytes] = []
        while (line := self.lines.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if "END" in self.server.replies:
            self.say(self.server.replies["END"])
            return
        with self.server.lock:
            self.server.mails.append(Mail(self.sender, self.to, self.options, self.secure, b"".join(lines)))
        self.say("250 taken")

    def on_quit(self, _: str) -> None:
        self.say("221 bye")

    def on_other(self, line: str) -> None:
        self.say("250 fine" if line.lower().startswith(("rset", "helo", "noop")) else "502 what?")


def serve(server: MailServer) -> Iterator[MailServer]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[MailServer]:
    yield from serve(MailServer())


@pytest.fixture
def tls_server() -> Iterator[MailServer]:
    yield from serve(MailServer(tls=True))


def settings(server: MailServer, *, security: Security = "starttls", **more: Any) -> SmtpSettings:
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    values: dict[str, Any] = {"context": trusting, "timeout": 5, **more}
    return SmtpSettings(host="localhost", port=server.port, security=security, **values)


def channel_to(server: MailServer, **more: Any) -> SmtpChannel:
    return SmtpChannel(settings(server, **more), sender="The Studio <studio@example.com>")


@pytest.fixture
def message() -> Message:
    return ChannelSuite().message(SmtpChannel(SmtpSettings(host="x"), sender="a@example.com"), "Hello")


class TestSmtpChannel(ChannelSuite):
    secrets = (PASSWORD, base64.b64encode(PASSWORD.encode()).decode())

    @pytest.fixture(autouse=True)
    def _listen(self, server: MailServer) -> None:
        self.server = server

    @pytest.fixture
    def channel(self, server: MailServer) -> SmtpChannel:
        login = settings(server, user="studio", password=PASSWORD)
        return SmtpChannel(login, sender="The Studio <studio@example.com>", limits=Limits(max_body=2000, html=True))

    def received(self, channel: Channel) -> list[str]:
        assert isinstance(channel, SmtpChannel)
        return [mail.text() for mail in self.server.mails]

    def failing(self, channel: Channel, *, permanent: bool) -> Channel:
        self.server.replies["RCPT"] = "550 nobody of that name" if permanent else "451 come again later"
        return channel


def test_a_mail_is_complete(server: MailServer, message: Message) -> None:
    headers = {"List-Unsubscribe": "<https://example.com/no>", "template": "tpl_1", "Bcc": "spy@example.com"}
    body = "Line one\n.\n..two\nä" + "x" * 2000
    full = message.evolve(subject="Grüße 💃🏽", body=body, html="<p>Hi 💃🏽</p>", headers=headers)
    reference = channel_to(server).send(full)
    [mail] = server.mails
    assert (mail.sender.upper(), mail.to, mail.secure) == ("FROM:<STUDIO@EXAMPLE.COM>", "li@example.com", True)
    assert (mail.text(), mail.text("html")) == (body, "<p>Hi 💃🏽</p>")
    assert mail.parsed["Subject"] == "Grüße 💃🏽"
    assert mail.parsed["From"] == "The Studio <studio@example.com>"
    assert mail.parsed["To"] == "li@example.com"
    assert mail.parsed["Message-ID"] == reference == f"<{message.id}@example.com>"
    assert mail.parsed["List-Unsubscribe"] == "<https://example.com/no>"
    assert mail.parsed["Date"].datetime.tzinfo is not None
    assert not {"template", "Bcc"} & set(mail.parsed.keys())


def test_the_same_message_has_the_same_id(server: MailServer, message: Message) -> None:
    channel = channel_to(server)
    assert channel.send(message) == channel.send(message)
    assert len({mail.parsed["Message-ID"] for mail in server.mails}) == 1


def test_tls_from_the_first_byte(tls_server: MailServer, message: Message) -> None:
    channel_to(tls_server, security="tls", user="studio", password=PASSWORD).send(message)
    assert [mail.secure for mail in tls_server.mails] == [True]


def test_a_server_on_the_same_machine_needs_no_encryption(server: MailServer, message: Message) -> None:
    channel_to(server, security="none").send(message)
    assert [mail.secure for mail in server.mails] == [False]


def test_a_server_that_cannot_encrypt_gets_nothing(server: MailServer, message: Message) -> None:
    server.offers.remove("STARTTLS")
    with pytest.raises(DeliveryFailed, match="STARTTLS") as failure:
        channel_to(server, user="studio", password=PASSWORD).send(message)
    assert not failure.value.permanent
    assert server.mails == []


def test_a_certificate_of_somebody_else_is_refused(server: MailServer, message: Message) -> None:
    with pytest.raises(DeliveryFailed, match="cannot be used") as failure:
        channel_to(server, context=None).send(message)
    assert not failure.value.permanent
    assert server.mails == []


def test_a_wrong_password_says_nothing_of_the_message(server: MailServer, message: Message) -> None:
    with pytest.raises(DeliveryFailed, match="535") as failure:
        channel_to(server, user="studio", password="wrong-one").send(message)
    assert not failure.value.permanent
    assert "wrong-one" not in str(failure.value)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(("reply", "permanent"), [("452 full", False), ("554 no", True)])
def test_a_reply_of_500_and_more_is_for_good(
    server: MailServer, message: Message, verb: str, reply: str, *, permanent: bool
) -> None:
    server.replies[verb] = reply
    with pytest.raises(DeliveryFailed, match=reply) as failure:
        channel_to(server).send(message)
    assert failure.value.permanent is permanent
    assert server.mails == []


def test_what_was_taken_is_sent_however_the_server_says_good_bye(server: MailServer, message: Message) -> None:
    server.replies["QUIT"] = "421 too busy to say good-bye"
    assert channel_to(server).send(message)
    assert len(server.mails) == 1


def test_nobody_there(message: Message) -> None:
    gone = MailServer()
    gone.server_close()
    with pytest.raises(DeliveryFailed, match="localhost cannot be used") as failure:
        channel_to(gone).send(message)
    assert not failure.value.permanent


def test_international_addresses(server: MailServer, message: Message) -> None:
    channel = channel_to(server)
    channel.send(message.evolve(to="li@exämple.de"))
    channel.send(message.evolve(to="李@exämple.de"))
    assert [mail.to for mail in server.mails] == ["li@xn--exmple-cua.de", "李@xn--exmple-cua.de"]
    assert ["smtputf8" in mail.options.lower() for mail in server.mails] == [False, True]
    server.offers.remove("SMTPUTF8")
    with pytest.raises(DeliveryFailed) as failure:
        channel.send(message.evolve(to="李@example.com"))
    assert failure.value.permanent


@pytest.mark.parametrize(
    "to", ["nobody", "a@example.com, b@example.com", "a..b@example.com", "a@", "李 王@example.com"]
)
def test_what_is_no_address_is_refused_for_good(server: MailServer, message: Message, to: str) -> None:
    with pytest.raises(DeliveryFailed, match="one e-mail address") as failure:
        channel_to(server).send(message.evolve(to=to))
    assert failure.value.permanent
    assert server.mails == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"host": ""}, "host"),
        ({"host": "mail example"}, "host"),
        ({"port": 0}, "port"),
        ({"security": "ssl"}, "starttls, tls, none"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"user": "studio"}, "both"),
        ({"password": "x"}, "both"),
        ({"user": "studio", "password": "x", "security": "none"}, "encrypted"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        SmtpSettings(**{"host": "mail.example.com", **wrong})


@pytest.mark.parametrize("sender", ["studio", "a@example.com\r\nBcc: b@example.com", "<>"])
def test_a_wrong_sender_is_refused(sender: str) -> None:
    with pytest.raises(InvalidInput, match="sender"):
        SmtpChannel(SmtpSettings(host="mail.example.com"), sender=sender)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_usual_ports(security: Security, port: int) -> None:
    assert SmtpSettings(host="mail.example.com", security=security).port == port
