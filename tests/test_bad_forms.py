"""Forms of the staff's admin with values that no browser would send: refused, never a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.test import Client

from tests.site import Site, make_site, session

NONSENSE = ("\x00", "1", "{}", "\u0663", "x" * 5000)
NAMES = re.compile(r'<(?:input|select|textarea)[^>]* name="([^"]+)"')
OWN = ("csrfmiddlewaretoken", "_save", "_continue", "_addanother", "_popup", "s", "robots")


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def staff(site: Site) -> Client:
    return session(site.people.staff)


def adding() -> Iterator[str]:
    """The pages of the admin on which a row can be made."""
    for model in admin.site._registry:
        yield f"/admin/{model._meta.app_label}/{model._meta.model_name}/add/"


@pytest.mark.parametrize("page", sorted(adding()))
def test_no_value_of_a_new_row_is_a_fault_of_ours(staff: Client, page: str) -> None:
    shown = staff.get(page)
    if shown.status_code == 403:  # nobody makes these by hand
        return
    names = sorted(set(NAMES.findall(shown.content.decode())) - set(OWN))
    assert names
    for value in NONSENSE:
        everywhere = dict.fromkeys(names, value)
        assert staff.post(page, everywhere).status_code < 500, value
        assert staff.get(page, everywhere).status_code < 500, value
    for name in names:
        assert staff.post(page, {name: "1"}).status_code < 500, name
