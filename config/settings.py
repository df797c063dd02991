"""All settings, by environment. The limits among them: config/limits.py."""

from __future__ import annotations

import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config import accounts, env, limits, logs, look
from config.limits import *  # noqa: F403 - all of them

BASE_DIR = Path(__file__).resolve().parent.parent
environment = env.read()

# --- The process -------------------------------------------------------------------------------
DEBUG = environment.bool("DEBUG", default=False)
SECRET_KEY = environment.str("SECRET_KEY")
ALLOWED_HOSTS = environment.list("STEPWELL_HOSTS", default=["127.0.0.1", "localhost"])
PUBLIC_URL = environment.str("STEPWELL_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
BEHIND_PROXY = environment.bool("STEPWELL_BEHIND_PROXY", default=False)
SECURE = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django_rls",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "csp",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "tenants",
    "workflows",
    "executions",
    "webhooks",
    "config",
]

MIDDLEWARE = [
    "tenants.middleware.RequestIdMiddleware",
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "webhooks.middleware.HookMiddleware",  # webhooks go no further
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.middleware.TenantMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Postgres ----------------------------------------------------------------------------------
# Only a migration runs as the owner of the tables; everything else is the app role, which
# row-level security binds.
OWNER_COMMANDS = {"migrate", "sqlmigrate", "showmigrations"}
AS_OWNER = Path(sys.argv[0]).name == "manage.py" and OWNER_COMMANDS.intersection(sys.argv[1:2])
DATABASE_POOL = environment.int("STEPWELL_DATABASE_POOL", default=0)
_pool = {
    "min_size": 1,
    "max_size": DATABASE_POOL,
    "timeout": 10,  # seconds
    "max_idle": 60,  # seconds: after a load Postgres gets the memory of its backends back
}
_database_options: dict[str, object] = {
    # Only cursors that ask for it prepare their statements (tenants/scope.py).
    "prepare_threshold": 5,
    **({"pool": _pool} if DATABASE_POOL else {}),
}
DATABASES = {
    "default": env.database("DATABASE_OWNER_URL" if AS_OWNER else "DATABASE_URL", _database_options)
}
DJANGO_RLS = {"RESET_CONTEXT_ON_CONNECT": False, "STRICT_MIGRATE_RLS": True}

# --- Redis: wake-ups and live pages; nothing in it is needed to finish a run --------------------
REDIS_URL = environment.str("REDIS_URL")
REDIS_TIMEOUT = 1.0  # seconds; a hanging Redis must not hang a request
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "stepwell"},
    }
}
# How often somebody has tried to log in, and such; without Redis each process counts for itself.
CACHES = {
    "default": {
        "BACKEND": "tenants.caches.RedisOrProcess",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "stepwell",
        "OPTIONS": {"socket_timeout": REDIS_TIMEOUT, "socket_connect_timeout": REDIS_TIMEOUT},
    }
}
CELERY_BROKER_URL = env.broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 30,
    "socket_connect_timeout": REDIS_TIMEOUT,
    "health_check_interval": 10,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "wake"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
# Every worker sweeps by itself; this tick is for a deployment whose workers are all busy or gone.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "executions.sweep", "schedule": 5.0},
    "retain": {"task": "config.retain", "schedule": 3600.0},
}

# --- People ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
PASSWORD_HASHERS = [
    "tenants.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
REGISTRATION_OPEN = env.choice("STEPWELL_REGISTRATION", "open", "closed") == "open"
# Whether the admin opens only to staff who confirm their log-in with a second factor.
_staff_mfa = ("required", "optional") if SECURE else ("optional", "required")  # the default first
STAFF_MFA_REQUIRED = env.choice("STEPWELL_STAFF_MFA", *_staff_mfa) == "required"

# --- Mail ----------------------------------------------------------------------------------------
# Such as smtp+tls://user:password@mail.example:587; by default mails are printed.
vars().update(environment.email_url("STEPWELL_EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 20  # seconds, for each answer of the mail server
DEFAULT_FROM_EMAIL = environment.str("STEPWELL_EMAIL_FROM", default="stepwell@localhost")

# --- The browser -------------------------------------------------------------------------------
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^metrics$"]  # asked inside the deployment
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
vars().update(accounts.settings(secure=SECURE))
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}
STATIC_URL = "/static/"
_collected = env.path("STEPWELL_STATIC_ROOT", BASE_DIR / "staticfiles")
# Where nothing is collected, WhiteNoise serves from the sources (and would warn of an empty root).
STATIC_ROOT = _collected if _collected.is_dir() or "collectstatic" in sys.argv else None
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = STATIC_ROOT is None

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.auth.PrincipalAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.auth.HasPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenants.parsers.StrictJSON"],
    "DEFAULT_PAGINATION_CLASS": "tenants.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "tenants.openapi.Schema",
    "EXCEPTION_HANDLER": "tenants.problems.handle",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Stepwell",
    "DESCRIPTION": "Workflows, executions, webhook endpoints and secrets of one tenant.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ExecutionStatus": "executions.serializers.EXECUTION_STATUSES",
        "StepStatus": "executions.serializers.STEP_STATUSES",
        "DeliveryReason": "webhooks.serializers.REASONS",
        "TriggerKind": "executions.states.TRIGGERS",
        "ReactionOutcome": "workflows.filters.REACTIONS",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

UNFOLD = look.UNFOLD

# --- Stepwell's own ----------------------------------------------------------------------------
SECRETS_KEYS = environment.str("STEPWELL_SECRETS_KEYS")
METRICS_TOKEN = environment.str("STEPWELL_METRICS_TOKEN", default="")  # see config/metrics.py
EGRESS_ALLOW = env.networks("STEPWELL_EGRESS_ALLOW")
EGRESS_DENY, EGRESS_DENY_HOSTS = env.networks_and_hosts("STEPWELL_EGRESS_DENY")  # wins over both

# One byte more than a webhook may have, so that our own answer (413) is given, not Django's (400).
DATA_UPLOAD_MAX_MEMORY_SIZE = limits.MAX_PAYLOAD_BYTES + 1

WORKER_BEAT_SECONDS = 1.0  # how often a worker process says that it lives
WORKER_LOST_SECONDS = 6.0  # silent for so long, its leases are free for others
LEASE_MARGIN_SECONDS = 15.0  # beyond a step's own timeout
SWEEP_SECONDS = 1.0

LOGGING = logs.settings(debug=DEBUG)

if not DEBUG and len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY: give at least 32 random characters")
