"""`python -m tests.faults [--quick] [--only F1,F9] [--seed N]`, under `config.local exec`."""

from __future__ import annotations

import sys

from tests.faults import environment as _environment  # noqa: F401 - what follows needs Django

# isort: split
from tests.faults.run import main

sys.exit(main())
