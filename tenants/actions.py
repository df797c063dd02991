"""What the audit trail tells of: a closed vocabulary, each word with its sentence. Pure.

Whoever adds a verb that changes something adds its line here and calls `audit.record` in the verb.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """`<what>.<done>`; words are never changed or reused, since entries keep them."""

    sentence: str

    def __new__(cls, word: str, sentence: str) -> Action:
        action = str.__new__(cls, word)
        action._value_ = word
        action.sentence = sentence
        return action

    # --- tenants and their people ---
    TENANT_REGISTERED = "tenant.registered", "A tenant was made."
    TENANT_CHANGED = "tenant.changed", "A tenant's name or slug was changed."
    EGRESS_CHANGED = "egress.changed", "The hosts that a tenant's calls may go to were changed."
    MEMBER_ADDED = "member.added", "A person became a member of the tenant."
    MEMBER_CHANGED = "member.changed", "A member's role was changed."
    MEMBER_REMOVED = "member.removed", "A person is no longer a member."
    INVITATION_SENT = "invitation.sent", "Somebody was asked by mail to become a member."
    INVITATION_WITHDRAWN = "invitation.withdrawn", "An invitation's link was made useless."
    # --- keys, secrets, variables ---
    API_KEY_ISSUED = "api_key.issued", "An API key was made; its token was shown once."
    API_KEY_CHANGED = "api_key.changed", "An API key was renamed."
    API_KEY_REVOKED = "api_key.revoked", "An API key was revoked."
    SECRET_WRITTEN = "secret.written", "A secret was made, or its value replaced."
    SECRET_NARROWED = "secret.narrowed", "Hosts were taken from those to which a secret may go."
    SECRET_DELETED = "secret.deleted", "A secret was deleted."
    VARIABLE_WRITTEN = "variable.written", "A variable was made, or its value replaced."
    VARIABLE_DELETED = "variable.deleted", "A variable was deleted."
    # --- workflows, schedules, subscriptions ---
    WORKFLOW_CREATED = "workflow.created", "A workflow was made."
    WORKFLOW_RENAMED = "workflow.renamed", "A workflow was given another name."
    WORKFLOW_DRAFTED = "workflow.drafted", "A draft was saved with another content."
    WORKFLOW_RESTORED = "workflow.restored", "A version was copied to the draft."
    WORKFLOW_PUBLISHED = "workflow.published", "A draft was published as the next version."
    WORKFLOW_PAUSED = "workflow.paused", "A workflow was paused: it begins no runs."
    WORKFLOW_RESUMED = "workflow.resumed", "A paused workflow was resumed."
    WORKFLOW_ARCHIVED = "workflow.archived", "A workflow was taken out of use."
    SCHEDULE_CREATED = "schedule.created", "A schedule was made."
    SCHEDULE_CHANGED = "schedule.changed", "A schedule's values were changed."
    SCHEDULE_PAUSED = "schedule.paused", "A schedule was paused."
    SCHEDULE_RESUMED = "schedule.resumed", "A paused schedule was resumed."
    SCHEDULE_DELETED = "schedule.deleted", "A schedule was deleted."
    SUBSCRIPTION_CREATED = "subscription.created", "A subscription to ends of runs was made."
    SUBSCRIPTION_CHANGED = "subscription.changed", "A subscription was changed or switched."
    SUBSCRIPTION_DELETED = "subscription.deleted", "A subscription was deleted."
    # --- webhooks ---
    ENDPOINT_CREATED = "endpoint.created", "An endpoint was made; its secret was shown once."
    ENDPOINT_ROTATED = "endpoint.rotated", "An endpoint's secret was replaced."
    ENDPOINT_CHANGED = (
        "endpoint.changed",
        "An endpoint's name, answer, rate or addresses were changed.",
    )
    ENDPOINT_ENABLED = "endpoint.enabled", "An endpoint was enabled."
    ENDPOINT_DISABLED = "endpoint.disabled", "An endpoint was disabled."
    ENDPOINT_DELETED = "endpoint.deleted", "An endpoint was deleted with its deliveries."
    DELIVERY_RESENT = "delivery.resent", "A stored request was run again."
    DELIVERIES_RUN = "deliveries.run", "What a paused workflow had stored was run."
    DELIVERIES_DISCARDED = "deliveries.discarded", "What a paused workflow stored was discarded."
    TRIAL_OPENED = "trial.opened", "A draft was let listen at a test address."
    TRIAL_EXTENDED = "trial.extended", "A test address was let listen for longer."
    TRIAL_CLOSED = "trial.closed", "A test address was closed."
    # --- executions ---
    EXECUTION_STARTED = "execution.started", "A person started a run by hand."
    EXECUTION_CANCELLED = "execution.cancelled", "A run was cancelled."
    EXECUTION_RESUMED = "execution.resumed", "A run was resumed as a new one."
    EXECUTION_REPLAYED = "execution.replayed", "A run was replayed as a new one."
    EXECUTION_REPAIRED = "execution.repaired", "The doctor mended a run."
    STEP_RESOLVED = "step.resolved", "It was said what became of a step's call."
    STEP_DECIDED = "step.decided", "An approval was given or refused."
    # --- the platform's staff ---
    KEYS_ROTATED = "keys.rotated", "What older keys had sealed was sealed anew with the newest."
    STAFF_VIEWED = "staff.viewed", "Staff opened a run or a delivery in the admin."
    ROW_ADDED = "row.added", "Staff added a row in the admin."
    ROW_CHANGED = "row.changed", "Staff changed a row in the admin."
    ROW_DELETED = "row.deleted", "Staff deleted a row in the admin."
    ROWS_HANDLED = "rows.handled", "Staff ran an action on rows in the admin."
    USER_PASSWORD_CHANGED = "user.password_changed", "A person chose another password."
    USER_PASSWORD_RESET = "user.password_reset", "A person chose a password by a mailed link."
    USER_FACTOR_ADDED = "user.factor_added", "A person set up a second factor."
    USER_FACTOR_REMOVED = "user.factor_removed", "A person removed a second factor."
    USER_FACTORS_FORGOTTEN = "user.factors_forgotten", "Staff removed a person's second factors."
    USER_PASSWORD_SET = "user.password_set", "Staff gave a person another password."
    STAFF_LOGGED_IN = "staff.logged_in", "One of the staff logged in."
    STAFF_LOGGED_OUT = "staff.logged_out", "One of the staff logged out."
