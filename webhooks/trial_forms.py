"""What people ask of a test address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from webhooks.models import Endpoint


class ListenForm(forms.Form):
    """What to do with the test address, and whose signatures it is to believe."""

    action = forms.ChoiceField(choices=[(verb, verb) for verb in ("listen", "extend", "stop")])
    endpoint = forms.ChoiceField(label="Signed as for", required=False)

    def __init__(self, data: Any, endpoints: Iterable[Endpoint]) -> None:
        super().__init__(data)
        own = ("", "itself: Standard Webhooks, a fresh secret")
        of_endpoints = [(str(one.id), f"the endpoint {one} ({one.scheme})") for one in endpoints]
        self.fields["endpoint"] = forms.ChoiceField(
            label="Signed as for", required=False, choices=[own, *of_endpoints]
        )
