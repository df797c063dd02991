"""What one evaluation may cost. Every limit is counted before the work is done, none is a timer."""

from __future__ import annotations

from typing import Final

MAX_SOURCE: Final = 10_000
"""Characters of a template's source."""
MAX_NODES: Final = 400
"""Nodes of its syntax tree."""
MAX_NESTING: Final = 40
"""Depth of its syntax tree."""
MAX_VALUE: Final = 1_000_000
"""Characters of one text, or items of one list or object, that an expression creates."""
MAX_TOTAL: Final = 5_000_000
"""Weight of all values created for one budget: 1 a character, ITEM_WEIGHT an item."""
MAX_STEPS: Final = 200_000
"""Evaluated nodes, loop turns and filtered items of one budget."""
MAX_OUTPUT: Final = 2**20
"""Characters of everything one budget hands out, measured as JSON."""
MAX_INT_BITS: Final = 4096
MAX_VALUE_DEPTH: Final = 100
"""Nesting of lists and objects in a result."""
MAX_PIECES: Final = 100_000
"""Parts into which one text may be split."""

ITEM_WEIGHT: Final = 8
"""A list slot is a pointer, and usually an object behind it."""
JSON_WEIGHT: Final = 4
"""Weight of a character of JSON text that is parsed: "[]," becomes an object of some 70 bytes."""
SCAN_CHARACTERS: Final = 64
"""Characters that the interpreter compares or searches in about the time of one step."""
JSON_CHARACTERS: Final = 16
"""Characters of JSON that are measured and written in about the time of one step."""
BITS_PER_STEP: Final = 64
"""Bits of a whole number written or read as decimal text in about the time of one step."""
DATE_STEPS: Final = 10
"""Steps charged for reading or writing one date."""
