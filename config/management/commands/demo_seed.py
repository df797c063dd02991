"""`manage.py demo_seed`: make the demo tenant, or complete it; print what the demo run needs."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from config.demo.seed import seed


class Command(BaseCommand):
    """`make run` calls it; the JSON that it prints is config.local.demo.Facts."""

    help = "Make the demo tenant acme, or complete it, and print its keys and logins as JSON."
    requires_system_checks = ()  # the processes that serve make them; a start waits for this one

    def handle(self, *args: object, **options: object) -> None:
        facts = seed(
            shop_url=_given("STEPWELL_DEMO_SHOP"),
            kept_in=Path(_given("STEPWELL_HOME")) / "demo.json",
        )
        self.stdout.write(facts.model_dump_json())


def _given(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise CommandError(f"{name} is not set; `make run` sets it.") from None
