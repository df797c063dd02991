from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from workflows.definition import JSON, Retry
from workflows.steps.base import (
    Config,
    Done,
    Error,
    Failed,
    Mail,
    MailFailure,
    Result,
    StepType,
    World,
)
from workflows.steps.mailboxes import Addresses

MAX_TEXT = 200_000

_LINE_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


def _one_line(text: str) -> str:
    if _LINE_BREAKS.search(text):
        raise ValueError("This must be one line, without control characters.")
    return text


def _somebody(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if not addresses:
        raise ValueError("A mail needs somebody to go to.")
    return addresses


class EmailConfig(Config):
    to: Annotated[Addresses, AfterValidator(_somebody)] = Field(
        title="To", description="One mail address, or a list of at most 50."
    )
    cc: Addresses = Field((), title="Cc", description="Who gets a copy.")
    bcc: Addresses = Field((), title="Bcc", description="Who gets a copy unseen.")
    reply_to: Addresses = Field((), title="Reply to", description="Who gets the answers.")
    subject: Annotated[str, AfterValidator(_one_line)] = Field(
        title="Subject", description="One line.", min_length=1, max_length=500
    )
    text: str | None = Field(
        None, title="Text", description="The mail as plain text.", max_length=MAX_TEXT
    )
    html: str | None = Field(
        None,
        title="HTML",
        description="The mail as HTML. Values put into it are not escaped.",
        max_length=MAX_TEXT,
    )

    @model_validator(mode="after")
    def _some_content(self) -> EmailConfig:
        if self.text is None and self.html is None:
            raise ValueError("A mail needs text or html, or both.")
        return self


class Email(StepType[EmailConfig]):
    """Output `{to}`, whom it was sent to. The sender is the deployment's.

    Done when a mail server has taken the mail, not when it has arrived.
    """

    key = "email"
    title = "Email"
    summary = "Send a mail."
    Config = EmailConfig
    calls_out = True
    default_retry = Retry(on=("connect",))
    max_timeout = 30
    default_timeout = 30
    output_keys = frozenset(("to",))
    failures = frozenset(("mail",))

    def repeatable(self, config: EmailConfig) -> bool:
        return False

    def may_park(self, config: dict[str, JSON]) -> bool:
        return True

    def run(self, config: EmailConfig, world: World) -> Result:
        mail = Mail(
            to=config.to,
            cc=config.cc,
            bcc=config.bcc,
            reply_to=config.reply_to,
            subject=config.subject,
            text=config.text,
            html=config.html,
        )
        try:
            world.mail.send(mail)
        except MailFailure as failure:
            # What may have gone out has no answer, like a request whose connection broke.
            kind = "broken" if failure.sent else failure.kind
            return Failed(Error(kind, failure.message, sent=failure.sent))
        return Done({"to": list(config.to)})
