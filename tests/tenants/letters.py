"""The mails that people got, and the links in them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.core import mail

from tenants import mailing


def delivered() -> list[mail.EmailMessage]:
    """All mails so far, once the postman has delivered what he was given."""
    mailing.postman.submit(lambda: None).result(timeout=30)
    return list(mail.outbox)


def to(address: str) -> list[mail.EmailMessage]:
    """The mails to this address, oldest first."""
    return [letter for letter in delivered() if letter.to == [address]]


def link(letter: mail.EmailMessage) -> str:
    """The path of the one link in a mail."""
    found: str
    [found] = re.findall(r"https?://\S+", str(letter.body))
    return urlsplit(found).path
