"""The guides lead somewhere: every file and every heading that they link to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.local.home import PROJECT
from tests import routes

GUIDES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted(PROJECT.glob("docs/*.md"))]
_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.MULTILINE)


def anchors(guide: Path) -> set[str]:
    """The fragments of its headings as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_CODE.sub("", guide.read_text())):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        same = sum(
            one == plain or re.fullmatch(rf"{re.escape(plain)}-\d+", one) is not None
            for one in found
        )
        found.add(f"{plain}-{same}" if same else plain)
    return found


def links(guide: Path) -> list[str]:
    """Where it leads within the repository."""
    text = _SPAN.sub("", _CODE.sub("", guide.read_text()))
    return [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_link_leads_somewhere(guide: Path) -> None:
    broken = []
    for link in links(guide):
        path, _, fragment = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_readme_leads_to_every_guide() -> None:
    named = {link.partition("#")[0] for link in links(PROJECT / "README.md")}
    guides = {f"docs/{guide.name}" for guide in PROJECT.glob("docs/*.md")}
    assert guides - named == set()


# --- Addresses ---------------------------------------------------------------------------------

_BEGINNINGS = "api|t/<tenant>|account|admin|login|register|hooks"
_ADDRESS = re.compile(rf"(?<![\w.>])/(?:{_BEGINNINGS})/[^\s`\"'|,;)]*")


def addresses(guide: Path) -> set[str]:
    """The product's own addresses that it names, without queries; `...` is anything."""
    found = {address.split("?")[0] for address in _ADDRESS.findall(guide.read_text())}
    return {address for address in found if address.endswith("/") and "..." not in address}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_address_is_one_of_the_products(guide: Path) -> None:
    known = [re.sub(r"<[^>]+>", "[^/]+", route.pattern) for route in routes.walk()]
    unknown = {
        address
        for address in addresses(guide)
        if not any(re.fullmatch(pattern, address.removeprefix("/")) for pattern in known)
    }
    assert unknown == set()
