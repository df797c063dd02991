"""The examples of docs/WEBHOOKS.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.wsgi import get_wsgi_application

from config.local.home import PROJECT
from executions.models import Execution
from tenants import scope
from tests.executions.driving import working
from tests.webhooks.senders import Address, make_address
from webhooks import bodies, signatures
from webhooks.models import ANSWERS
from webhooks.refusals import Reason
from webhooks.signatures import GenericOptions
from workflows import documents

TEXT = (PROJECT / "docs" / "WEBHOOKS.md").read_text()
SHELL = pytest.mark.skipif(
    not all(map(shutil.which, ("sh", "curl", "openssl"))), reason="needs curl and openssl"
)


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """The answer is enough."""


@pytest.fixture
def base(committed_db: None) -> Iterator[str]:
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def example(language: str) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert len(found) == 1
    return found[0]


def output_of(base: str, address: Address, *command: str) -> str:
    given = {"HOOK_URL": base + address.path, "HOOK_SECRET": address.secret}
    done = subprocess.run(
        command, env={**os.environ, **given}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("interpreter", "language"),
    [
        pytest.param(sys.executable, "python", id="python"),
        pytest.param("sh", "sh", id="shell", marks=SHELL),
    ],
)
def test_the_example_starts_a_run(base: str, interpreter: str, language: str) -> None:
    address = make_address()
    said = output_of(base, address, interpreter, "-c", example(language))
    assert "202" in said
    with scope.tenant(address.tenant.id):
        execution = Execution.objects.get()
    assert str(execution.id) in said
    assert execution.trigger["body"] == {"order_id": "1001"}


@SHELL
def test_the_example_of_an_answer_is_answered_as_it_says(base: str) -> None:
    definition, problems = documents.loads(example("yaml"), "yaml")
    assert problems == []
    address = make_address("none", answer="respond", definition=definition)
    with working():
        said = output_of(base, address, "sh", "-c", example("bash"))
    assert f"answers `{said}`" in TEXT


def test_every_type_of_body_is_described() -> None:
    for content_type in (
        "application/json",
        "+json",
        "x-www-form-urlencoded",
        "multipart/form-data",
    ):
        assert content_type in bodies.ACCEPTED
        assert content_type in TEXT
    assert f"A form has {bodies.MAX_FIELDS:,} fields at most" in TEXT


def test_every_answer_is_described() -> None:
    described = re.findall(r"^\| `([a-z]+)`(?: \(default\))? \| .* \| .* \|$", TEXT, re.MULTILINE)
    assert [name for name in described if name in dict(ANSWERS)] == list(dict(ANSWERS))


def test_every_scheme_is_described() -> None:
    described = re.findall(r"^\| `([a-z-]+)` \|.*\|.*\|.*\|$", TEXT, re.MULTILINE)
    assert [name for name in described if name in signatures.SCHEMES] == list(signatures.SCHEMES)


def test_every_option_of_generic_is_described_with_its_default() -> None:
    for name, option in GenericOptions.model_fields.items():
        default = {None: "none", "": "empty", 300: "300"}.get(option.default, f"`{option.default}`")
        assert f"| `{name}` | {default} |" in TEXT


def test_every_reason_is_described() -> None:
    table = TEXT.partition("| `reason` |")[2].partition("\n\n")[0]
    described = re.findall(r"^\| `([a-z_]+)` \| \d{3}(?:, \d{3})* \|", table, re.MULTILINE)
    assert described == [reason.value for reason in Reason]
