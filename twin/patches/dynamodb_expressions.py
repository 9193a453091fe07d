"""DynamoDB: MiniStack parses an expression and checks its grammar again for every item that a scan filters.

That is a fifth of the emulator's processor time in a demonstration. An expression does not depend on the item, so its
parse is kept.
"""

from functools import cache
from typing import Any

from twin.settings import TwinSettings


def install(_settings: TwinSettings) -> None:
    """Let MiniStack remember what it has read: an application has a handful of expressions."""
    from ministack.services import dynamodb

    dynamodb._tokenize = _remembered(dynamodb._tokenize)
    dynamodb._condition_syntax_error = cache(dynamodb._condition_syntax_error)


def _remembered(tokenize: Any) -> Any:
    """Return a reader that hands out its own list each time, as MiniStack's does."""
    known = cache(lambda text: tuple(tokenize(text)))
    return lambda text: list(known(text))
