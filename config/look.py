"""How the admin looks: Unfold in the colours of the pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static

# From light to dark, as Tailwind counts; 600 is the pages' water (static/stepwell.css).
_WATER = {
    "50": "oklch(97.5% .013 205)",
    "100": "oklch(94% .03 205)",
    "200": "oklch(88% .055 205)",
    "300": "oklch(80% .08 205)",
    "400": "oklch(72% .095 205)",
    "500": "oklch(58% .09 208)",
    "600": "oklch(46% .08 210)",
    "700": "oklch(41% .072 211)",
    "800": "oklch(36% .062 212)",
    "900": "oklch(31% .052 213)",
    "950": "oklch(24% .042 214)",
}


def _icon(request: HttpRequest) -> str:
    return static("favicon.svg")


def _style(request: HttpRequest) -> str:
    return static("admin.css")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Stepwell",
    "SITE_HEADER": "Stepwell",
    "SITE_SUBHEADER": "All tenants",
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_style],
    "COLORS": {"primary": _WATER},
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {"navigation": "config.navigation.sidebar"},
}
