"""`web`: pages, admin, API and webhooks."""

from __future__ import annotations

import gc
import os

import django
from django.urls import get_resolver

from config.handlers import Wsgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # before the import below, which needs the app registry
application = Wsgi()

from tenants.checks import refuse_unsafe_database  # noqa: E402

refuse_unsafe_database()
# Before the server forks: the first requests need not wait for imports, and the memory is shared.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
