"""The settings of a run, made before Django reads them. Import it first.

The processes under test inherit them.
"""

from __future__ import annotations

import os

import django

SETTINGS = {
    "DEBUG": "",
    "WEB_CONCURRENCY": "2",
    "STEPWELL_MAX_DEPTH": "50",  # the chain of 50 steps is 50 deep; a definition may be 20 deep
    # The throughput of the doors is measured, not their limiter.
    "STEPWELL_RATE_REQUESTS": "0",
    "STEPWELL_RATE_WRITES": "0",
    "STEPWELL_RATE_WEBHOOKS": "0",
}

os.environ.update(SETTINGS)
django.setup()
