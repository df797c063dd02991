"""The one error that leaves this package, and the signal it uses inside for a missing value."""

from __future__ import annotations

from collections.abc import Callable


class ExpressionError(Exception):
    """A template that cannot be parsed or evaluated.

    `message` is a sentence for the workflow's author; `source` is the template; `path` leads to
    the field inside the rendered value (empty when one template was evaluated by itself).
    """

    def __init__(self, message: str, source: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.source = source
        self.path = path


class Missing(Exception):  # noqa: N818 - a signal inside the evaluator, not an error of its own
    """The node `site` has no value. `is defined` and `default` catch it, else it becomes an error.

    The sentence is a function because finding the nearest name is slow and usually not needed.
    """

    def __init__(self, site: int, sentence: Callable[[], str]) -> None:
        super().__init__()
        self.site = site
        self.sentence = sentence
