"""The one digest of ids and keys: equal texts have equal digests in every runtime. It does not protect secrets."""

import hashlib
from typing import Final

DIGEST_DIGITS: Final = 32
SEPARATOR: Final = "|"


def digest(*parts: str, digits: int = DIGEST_DIGITS) -> str:
    """Return the first hex digits of the SHA-256 hash of texts that are joined by `|`.

    Half of a surrogate pair, which UTF-8 cannot encode, counts as `?`.
    """
    return hashlib.sha256(SEPARATOR.join(parts).encode(errors="replace")).hexdigest()[:digits]
