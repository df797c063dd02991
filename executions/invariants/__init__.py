"""What must be true of every run at every time, however it was driven, and a look at whether it is.

The invariants know nothing of the engine's code: they compare rows and history with each other,
with the tables of legal moves and with the definition. `manage.py doctor`, the fault suite and the
tests ask the same ones.
"""

from __future__ import annotations

from executions.invariants.looking import Violation, violations
from executions.invariants.named import Repair

__all__ = ["Repair", "Violation", "violations"]
