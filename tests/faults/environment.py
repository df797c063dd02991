"""The settings of a run, made before Django reads them. Import it first.

The processes under test inherit them.
"""

from __future__ import annotations

import os

import django

SETTINGS = {
    "DEBUG": "",
    "WEB_CONCURRENCY": "2",
    # What the limiter refuses would hide what a fault loses.
    "STEPWELL_RATE_REQUESTS": "0",
    "STEPWELL_RATE_WRITES": "0",
    "STEPWELL_RATE_WEBHOOKS": "0",
}

os.environ.update(SETTINGS)
django.setup()
