"""DynamoDB's expressions, read once.

MiniStack takes an expression apart and checks its grammar anew for every item that a scan filters: a fifth of what a
demonstration asks of the emulator. What an expression says does not depend on the item.
"""

from functools import cache
from typing import Any


def install() -> None:
    """Let MiniStack remember what it has read: an application has a handful of expressions."""
    from ministack.services import dynamodb

    dynamodb._tokenize = _remembered(dynamodb._tokenize)
    dynamodb._condition_syntax_error = cache(dynamodb._condition_syntax_error)


def _remembered(tokenize: Any) -> Any:
    """Return a reader that hands out its own list each time, as MiniStack's does."""
    known = cache(lambda text: tuple(tokenize(text)))
    return lambda text: list(known(text))
