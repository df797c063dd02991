"""Mails on their way out: taken, refused, broken off; what may have gone out is not sent again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from email import message_from_string
from email.policy import default

import pytest
from django.conf import LazySettings

from executions.mailing import Mailbox
from tests import factories
from tests.bad_servers import refusing
from tests.executions import invariants
from tests.executions.driving import drained, started, step_run
from tests.mail_servers import MailServer, receiving_mail
from tests.workflows.definitions import document, step
from workflows.steps.base import Mail, MailFailure

MAIL = Mail(
    to=("a@x.example", "b@x.example"),
    cc=("c@x.example",),
    bcc=("d@x.example",),
    reply_to=("r@x.example",),
    subject="Paid für 5 €",
    text="It is paid.",
    html="<p>It is paid.</p>",
)


@pytest.fixture(autouse=True)
def by_smtp(settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_TIMEOUT = 5


@contextmanager
def serving(settings: LazySettings, **replies: str | None) -> Iterator[MailServer]:
    """A mail server that the deployment is set to use; `end` is its reply to a whole mail."""
    said = {("." if name == "end" else name): reply for name, reply in replies.items()}
    with receiving_mail(said) as server:
        settings.EMAIL_PORT = server.port
        yield server


def send(message: Mail = MAIL) -> list[str]:
    """Send it; says in which order things happened."""
    told: list[str] = []
    Mailbox(lambda: told.append("noted"), nullcontext).send(message)
    return told


def failure() -> MailFailure:
    with pytest.raises(MailFailure) as failed:
        send()
    return failed.value


def test_a_mail_reaches_everybody_as_it_was_written(settings: LazySettings) -> None:
    with serving(settings) as server:
        assert send() == ["noted"]
    [text] = server.mails
    mail = message_from_string(text, policy=default)
    assert mail["To"] == "a@x.example, b@x.example"
    assert (mail["Cc"], mail["Bcc"]) == ("c@x.example", None)
    assert (mail["Reply-To"], mail["From"]) == ("r@x.example", settings.DEFAULT_FROM_EMAIL)
    assert mail["Subject"] == "Paid für 5 €"
    assert [part.get_content_type() for part in mail.walk()] == [
        *("multipart/alternative", "text/plain", "text/html"),
    ]
    assert server.recipients == [f"{letter}@x.example" for letter in "abcd"]


@pytest.mark.parametrize(
    ("content", "kind"), [({"text": "T"}, "text/plain"), ({"html": "<p>T</p>"}, "text/html")]
)
def test_a_mail_may_have_one_of_the_two_forms(
    content: dict[str, str], kind: str, settings: LazySettings
) -> None:
    with serving(settings) as server:
        send(Mail(("a@x.example",), "S", content.get("text"), content.get("html")))
    mail = message_from_string(server.mails[0], policy=default)
    assert mail.get_content_type() == kind
    assert mail.get_content().strip() == next(iter(content.values()))


def test_a_server_that_is_not_there_was_not_reached(settings: LazySettings) -> None:
    settings.EMAIL_PORT = refusing().port
    failed = failure()
    assert (failed.kind, failed.sent) == ("connect", False)
    assert failed.message.startswith("The mail server could not be reached: ")


@pytest.mark.parametrize(
    "replies",
    [
        {"RCPT": "550 no such mailbox"},
        {"MAIL": "550 not you"},
        {"DATA": "554 no"},
        {"end": "554 that is spam"},
    ],
)
def test_what_a_server_refuses_did_not_go_out(
    replies: dict[str, str], settings: LazySettings
) -> None:
    with serving(settings, **replies) as server:
        failed = failure()
    assert (failed.kind, failed.sent) == ("mail", False)
    assert failed.message.startswith("The mail server refused: ")
    assert "55" in failed.message
    assert server.mails == []


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA", "end"])
def test_a_mail_may_have_gone_out_once_the_connection_breaks(
    where: str, settings: LazySettings
) -> None:
    with serving(settings, **{where: None}):
        failed = failure()
    assert failed.sent
    assert "x.example" not in failed.message


# --- In a run ----------------------------------------------------------------------------------

LETTER = step("mail", kind="email")


@pytest.mark.usefixtures("committed_db")
def test_a_step_sends_one_mail(settings: LazySettings) -> None:
    with serving(settings) as server:
        execution = drained(started(factories.make_tenant(), document(LETTER)))
    assert len(server.mails) == 1
    assert step_run(execution, "mail").output == {"to": ["ops@shop.example"]}
    assert step_run(execution, "mail").sent_at is not None
    assert invariants.check_ended(execution.id) == "succeeded"


@pytest.mark.usefixtures("committed_db")
def test_a_mail_that_may_have_gone_out_waits_for_a_person(settings: LazySettings) -> None:
    with serving(settings, end=None):
        execution = drained(started(factories.make_tenant(), document(LETTER)))
    assert (execution.status, step_run(execution, "mail").status) == ("waiting", "unknown")
    invariants.check(execution.id)


@pytest.mark.usefixtures("committed_db")
def test_a_mail_server_that_is_away_is_tried_again(settings: LazySettings) -> None:
    settings.EMAIL_PORT = refusing().port
    execution = drained(started(factories.make_tenant(), document(LETTER)))
    row = step_run(execution, "mail")
    assert [each["status"] for each in row.attempts] == [*["retrying"] * 3, "failed"]
    assert row.error is not None
    assert row.error["kind"] == "connect"
    assert invariants.check_ended(execution.id) == "failed"


@pytest.mark.usefixtures("committed_db")
def test_a_refused_mail_fails_and_is_not_tried_again(settings: LazySettings) -> None:
    with serving(settings, RCPT="550 no such mailbox"):
        execution = drained(started(factories.make_tenant(), document(LETTER)))
    row = step_run(execution, "mail")
    assert len(row.attempts) == 1
    assert row.error == {
        "kind": "mail",
        "message": "The mail server refused: ops@shop.example: 550",
    }
    assert invariants.check_ended(execution.id) == "failed"
