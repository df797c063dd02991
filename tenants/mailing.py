"""Mails to people about their accounts, from templates/tenants/mail/.

They are sent by a thread of their own, one after the other: a request neither waits for a slow mail
server nor tells by its time whether a mail went out. One that is lost can be asked for again.
"""

from __future__ import annotations

import smtplib
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any

import structlog
from django.core.mail import send_mail
from django.template.loader import render_to_string

log = structlog.get_logger(__name__)

MAX_WAITING = 200  # mails; any more are refused, so that a dead mail server costs no memory

postman = ThreadPoolExecutor(max_workers=1, thread_name_prefix="postman")
_places = BoundedSemaphore(MAX_WAITING)


def send(name: str, to: str, **context: Any) -> None:
    """Send the mail of this name soon. Its template's first line is the subject. Never raises.

    Call it outside transactions, or by `scope.on_commit`.
    """
    subject, _, text = render_to_string(f"tenants/mail/{name}.txt", context).strip().partition("\n")
    if not _places.acquire(blocking=False):
        log.error("a mail was dropped: too many are waiting", mail=name)
        return
    postman.submit(_deliver, name, subject.strip(), text.strip() + "\n", to)


def _deliver(name: str, subject: str, text: str, to: str) -> None:
    try:
        send_mail(subject, text, None, [to])
    except (OSError, smtplib.SMTPException, ValueError) as error:  # ValueError: no such address
        log.error("a mail could not be sent", mail=name, error=type(error).__name__)
    finally:
        _places.release()
