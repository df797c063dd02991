"""The settings that say how much, how often and how long; `config.settings` has all of them.

docs/ARCHITECTURE.md has the table, docs/LIMITS.md tells of rates and of what a tenant may have.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from config import env

MAX_STEPS = env.count("STEPWELL_MAX_STEPS", default=50)
MAX_DEPTH = env.count("STEPWELL_MAX_DEPTH", default=20)
MAX_SUB_WORKFLOW_LEVELS = env.count("STEPWELL_MAX_SUB_WORKFLOW_LEVELS", default=3)
MAX_PARALLEL_STEPS = env.count("STEPWELL_MAX_PARALLEL_STEPS", default=10)
MAX_EXECUTION_SECONDS = env.count("STEPWELL_MAX_EXECUTION_SECONDS", default=300)
MAX_HTTP_SECONDS = env.count("STEPWELL_MAX_HTTP_SECONDS", default=30)
MAX_PAYLOAD_BYTES = env.count("STEPWELL_MAX_PAYLOAD_BYTES", default=1048576)  # of a webhook
MAX_RESPONSE_BYTES = env.count("STEPWELL_MAX_RESPONSE_BYTES", default=1048576)
MAX_RESULT_BYTES = env.count("STEPWELL_MAX_RESULT_BYTES", default=4194304)  # of a for_each
MAX_CLAIMS = env.count("STEPWELL_MAX_CLAIMS", default=5)
MAX_RUNNING_EXECUTIONS = env.count("STEPWELL_MAX_RUNNING_EXECUTIONS", default=100)
MAX_SCHEDULES = env.count("STEPWELL_MAX_SCHEDULES", default=50)  # active ones
MAX_CHAIN = env.count("STEPWELL_MAX_CHAIN", default=10)  # runs that lead to one another
MAX_INVITATIONS = env.count("STEPWELL_MAX_INVITATIONS", default=100)  # open, of one tenant
TEST_ADDRESS_SECONDS = env.count("STEPWELL_TEST_ADDRESS_SECONDS", default=300)
# Requests that started nothing and are kept all the same: of an endpoint and a reason, in an hour.
MAX_KEPT_REFUSALS = env.count("STEPWELL_MAX_KEPT_REFUSALS", default=100)
# How long a caller may wait for a result (`?wait=`, webhooks that answer with it), and how many may
# in one process: each holds one of its threads (docker/gunicorn.conf.py).
MAX_WAIT_SECONDS = env.seconds("STEPWELL_MAX_WAIT_SECONDS", default=25, most=60)
MAX_WAITERS = env.count("STEPWELL_MAX_WAITERS", default=2)
WORKER_THREADS = env.count("STEPWELL_WORKER_THREADS", default=16)  # steps at once a process

# How often (a count in a time; 0 for no limit): the API's requests and writes of a tenant, those
# who register from an address, an endpoint's webhooks, and what it refuses of one address; the
# API's calls of an address that have no valid key.
RATE_REQUESTS = env.rate("STEPWELL_RATE_REQUESTS", default="100/min")
RATE_WRITES = env.rate("STEPWELL_RATE_WRITES", default="20/min")
RATE_REGISTRATIONS = env.rate("STEPWELL_RATE_REGISTRATIONS", default="5/min")
RATE_WEBHOOKS = env.rate("STEPWELL_RATE_WEBHOOKS", default="6000/min")
RATE_UNSIGNED = env.rate("STEPWELL_RATE_UNSIGNED", default="60/min")
RATE_UNKNOWN_KEYS = env.rate("STEPWELL_RATE_UNKNOWN_KEYS", default="60/min")

# What one tenant may have, unless staff gave it another limit; 0 for no limit.
MAX_TENANT_WORKFLOWS = env.count("STEPWELL_MAX_TENANT_WORKFLOWS", default=500)
MAX_TENANT_ENDPOINTS = env.count("STEPWELL_MAX_TENANT_ENDPOINTS", default=500)
MAX_TENANT_SCHEDULES = env.count("STEPWELL_MAX_TENANT_SCHEDULES", default=100)
MAX_TENANT_SECRETS = env.count("STEPWELL_MAX_TENANT_SECRETS", default=500)
MAX_TENANT_MEMBERS = env.count("STEPWELL_MAX_TENANT_MEMBERS", default=200)
MAX_TENANT_STORED_BYTES = env.count("STEPWELL_MAX_TENANT_STORED_BYTES", default=10737418240)

# Days after its end that a run's history is kept, and the run itself with its steps' inputs and
# outputs; and days after it came in that a delivery is.
KEEP_EVENTS_DAYS = env.days("STEPWELL_KEEP_EVENTS_DAYS", default=30)
KEEP_EXECUTIONS_DAYS = env.days("STEPWELL_KEEP_EXECUTIONS_DAYS", default=KEEP_EVENTS_DAYS)
KEEP_DELIVERIES_DAYS = env.days("STEPWELL_KEEP_DELIVERIES_DAYS", default=7)
KEEP_INVITATIONS_DAYS = 7  # that the mailed link is good for
KEEP_IDEMPOTENCY_KEYS_SECONDS = 24 * 3600  # for which the same key starts nothing again

if KEEP_EXECUTIONS_DAYS < KEEP_EVENTS_DAYS:
    raise ImproperlyConfigured(
        f"STEPWELL_KEEP_EXECUTIONS_DAYS: {KEEP_EXECUTIONS_DAYS} is too few. A run's events go with "
        f"it, so give at least the {KEEP_EVENTS_DAYS} of STEPWELL_KEEP_EVENTS_DAYS"
    )
