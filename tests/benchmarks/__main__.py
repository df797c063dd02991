"""`python -m tests.benchmarks [--quick | --retention]`.

Servers and environment come from `config.local exec`.
"""

from __future__ import annotations

import sys

from tests.benchmarks import environment as _environment  # noqa: F401 - what follows needs Django

# isort: split
from tests.benchmarks.run import main

sys.exit(main())
