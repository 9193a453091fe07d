"""The digest of `c360_core.digests` as a Spark expression."""

from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from c360_core.digests import DIGEST_DIGITS, SEPARATOR

SHA_256_BITS: Final = 256


def digest(*parts: Column, digits: int = DIGEST_DIGITS) -> Column:
    """Return the digest of text columns, as `c360_core.digests.digest` gives it for their values; nulls are skipped."""
    return F.substring(F.sha2(F.concat_ws(SEPARATOR, *parts), SHA_256_BITS), 1, digits)
