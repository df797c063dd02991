"""The meter that every evaluation runs on."""

from __future__ import annotations

from workflows.expressions.errors import ExpressionError
from workflows.expressions.limits import (
    BITS_PER_STEP,
    ITEM_WEIGHT,
    MAX_OUTPUT,
    MAX_STEPS,
    MAX_TOTAL,
    MAX_VALUE,
    SCAN_CHARACTERS,
)


class Budget:
    """What is left to spend; shared by all templates of one step's rendering, by one thread.

    Every method is called before the work it pays for and raises ExpressionError when the
    budget does not cover it.
    """

    __slots__ = ("_output", "_size", "_steps")

    def __init__(
        self, *, steps: int = MAX_STEPS, size: int = MAX_TOTAL, output: int = MAX_OUTPUT
    ) -> None:
        self._steps = steps
        self._size = size
        self._output = output

    def step(self, count: int = 1) -> None:
        """Pay for `count` evaluated nodes, loop turns or items."""
        self._steps -= count
        if self._steps < 0:
            raise ExpressionError("The expression takes too many steps; loop over fewer items")

    def scan(self, length: int) -> None:
        """Pay for comparing or searching `length` characters."""
        self.step(length // SCAN_CHARACTERS)

    def digits(self, bits: int) -> None:
        """Pay for writing or reading a whole number of `bits` bits as decimal text."""
        self.step(bits // BITS_PER_STEP)

    def text(self, length: int) -> None:
        """Pay for a new text of `length` characters."""
        if length > MAX_VALUE:
            raise ExpressionError(f"The expression makes a text longer than {MAX_VALUE} characters")
        self.allocate(length)

    def items(self, count: int) -> None:
        """Pay for a new list or object of `count` items."""
        if count > MAX_VALUE:
            raise ExpressionError(f"The expression makes a list longer than {MAX_VALUE} items")
        self.allocate(ITEM_WEIGHT * (count + 1))

    def allocate(self, weight: int) -> None:
        """Pay for values of `weight` characters in all."""
        self._size -= weight
        if self._size < 0:
            raise ExpressionError("The expression makes too much data; work on a smaller part")

    def output(self, length: int) -> None:
        """Pay for `length` characters of result."""
        self._output -= length
        if self._output < 0:
            raise ExpressionError(f"The result is larger than {MAX_OUTPUT} characters")

    @property
    def output_left(self) -> int:
        """Characters of result that may still be handed out."""
        return self._output
