"""`web`: pages, admin, API and webhooks."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()  # before the import below, which needs the app registry

from tenants.checks import refuse_unsafe_database  # noqa: E402

refuse_unsafe_database()
