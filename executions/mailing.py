"""Mail on its way out, by the backend that the deployment has set."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from workflows.steps.world import Mail, MailFailure

# The server has said no: nothing went out.
_REFUSED = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPHeloError,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
)


@dataclass(frozen=True)
class Mailbox:
    """Hands mails to the mail server, and says first that one is about to leave."""

    before_sending: Callable[[], None]
    outside: Callable[[], AbstractContextManager[None]]

    def send(self, message: Mail) -> None:
        """Send it; raises MailFailure."""
        self.before_sending()
        with self.outside():
            _send(message)


def _send(message: Mail) -> None:
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        why = f"The mail server could not be reached: {type(error).__name__}."
        raise MailFailure(why, sent=False, kind="connect") from None
    try:
        _compose(message, connection).send()
    except _REFUSED as error:
        raise MailFailure(f"The mail server refused: {_reason(error)}", sent=False) from None
    except (OSError, smtplib.SMTPException) as error:
        why = f"The connection to the mail server broke: {type(error).__name__}."
        raise MailFailure(why, sent=True) from None
    finally:
        connection.close()


def _compose(message: Mail, connection: object) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text if message.text is not None else message.html or "",
        to=list(message.to),
        cc=list(message.cc),
        bcc=list(message.bcc),
        reply_to=list(message.reply_to),
        connection=connection,
    )
    if message.text is None:
        mail.content_subtype = "html"
    elif message.html is not None:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _reason(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{who}: {code}" for who, (code, _) in error.recipients.items())
    if isinstance(error, smtplib.SMTPResponseException):
        return str(error.smtp_code)
    return type(error).__name__
