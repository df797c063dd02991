"""What gets into the logs, and what must not."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog
from django.test import Client

from config import logs

TOKEN = "Abcdefgh" + "ijklmnopqrstuvwxyz-_0123456789ABCDE"


@pytest.fixture(params=[False, True], ids=["json", "debug"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the product's own handler writes while the test runs."""
    given = logs.settings(debug=request.param)["formatters"]["line"]
    made = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=given["foreign_pre_chain"], processors=given["processors"]
    )
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(made)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("path", ["/hooks/nobody/", "/nowhere/", "/api/v1/workflows/"])
def test_a_line_about_a_request_has_its_id(db: None, written: io.StringIO, path: str) -> None:
    answer = Client().post(path, b"{}", content_type="application/json")
    assert answer.status_code in (401, 404)
    assert answer["X-Request-ID"] in written.getvalue()


def test_a_refused_webhook_does_not_log_its_token(db: None, written: io.StringIO) -> None:
    Client().post(f"/hooks/{TOKEN}/", b"{}", content_type="application/json")
    Client().get(f"/hooks/{TOKEN}/more/")

    assert "/hooks/Abcdefgh" in written.getvalue()
    assert TOKEN[8:] not in written.getvalue()


def test_a_fault_of_ours_does_not_log_the_token(written: io.StringIO) -> None:
    try:
        raise RuntimeError(f"<WSGIRequest: POST '/hooks/{TOKEN}/'>")
    except RuntimeError:
        logging.getLogger("django.request").exception(
            "Internal Server Error: %s", f"/hooks/{TOKEN}/"
        )

    assert "RuntimeError" in written.getvalue()
    assert TOKEN[8:] not in written.getvalue()


def test_other_values_are_shortened_too(written: io.StringIO) -> None:
    log = structlog.get_logger("stepwell.test")
    log.warning("refused", url=f"https://x.example/hooks/{TOKEN}/", status=422)

    assert "/hooks/Abcdefgh" in written.getvalue()
    assert TOKEN[8:] not in written.getvalue()
    assert "422" in written.getvalue()
