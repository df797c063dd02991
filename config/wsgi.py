"""`web`: pages, admin, API and webhooks."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from tenants.checks import refuse_unsafe_database

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
refuse_unsafe_database()
