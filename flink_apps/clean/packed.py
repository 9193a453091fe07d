"""Texts packed into one array of bytes, for the way from Python to Java.

The array begins with offsets of four bytes each, most significant first: where the first text begins, then where each
text ends, in places of the array. Where there is no text, the complement of the offset stands: a negative number. The
texts follow in UTF-8. `c360.TextOf`, in the application's jar, reads it.
"""

import struct
from collections.abc import Sequence
from functools import cache
from typing import Final

OFFSET_BYTES: Final = 4


def packed(texts: Sequence[str | None]) -> bytes:
    """Return texts in one array; half of a surrogate pair, which UTF-8 cannot encode, becomes `?`."""
    end = OFFSET_BYTES * (len(texts) + 1)
    offsets = [end]
    parts = []
    for text in texts:
        if text is None:
            offsets.append(~end)
        else:
            part = text.encode("utf-8", "replace")
            parts.append(part)
            end += len(part)
            offsets.append(end)
    return _layout(len(offsets)).pack(*offsets) + b"".join(parts)


@cache
def _layout(offsets: int) -> struct.Struct:
    return struct.Struct(f">{offsets}i")
