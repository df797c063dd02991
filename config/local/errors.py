"""What the runner tells a person when it can not go on."""

from __future__ import annotations


class RunnerError(Exception):
    """One sentence for the person at the terminal: what is wrong and what to do about it."""
