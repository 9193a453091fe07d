"""Exports of a revision: the keys of its objects, and how they are written."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")


class ExportError(ValueError):
    """A revision that cannot be exported; the message names the field and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of a revision."""

    id: str
    name: str
    content: bytes


@dataclass(slots=True, kw_only=True)
class Revision:
    """A revision of a data set; its subscribers see it once it is finalized."""

    id: str
    data_set: str
    created_at: datetime
    comment: str = ""
    finalized: bool = False
    revoked: bool = False
    assets: list[Asset] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a revision goes.

    Attributes:
        bucket: name of the bucket.
        key_pattern: of the objects, with Data Exchange's variables.
        key: the ARN of the key under which S3 encrypts them; None for S3's own.
    """

    bucket: str
    key_pattern: str
    key: str | None

    @classmethod
    def of(cls, stated: Mapping[str, Any], encryption: Mapping[str, Any]) -> "Destination":
        """Read a destination and its encryption as a template or a job states them.

        Raises:
            ExportError: a kind of encryption that AWS does not know, or one that lacks its key.
        """
        kind, key = encryption.get("Type", "AES256"), encryption.get("KmsKeyArn")
        if kind not in {"AES256", "aws:kms"} or (kind == "aws:kms") is not bool(key):
            raise ExportError(f"Encryption: `{kind}` with the key {key}; use aws:kms with KmsKeyArn, or AES256 alone")
        pattern = str(stated.get("KeyPattern") or "${Revision.CreatedAt}/${Asset.Name}")
        return cls(bucket=str(stated["Bucket"]), key_pattern=pattern, key=key)


def time_text(moment: datetime) -> str:
    """Return a time as AWS writes it into keys."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def keys(revision: Revision, pattern: str) -> dict[str, Asset]:
    """Return the assets of a revision by the key that the pattern gives each.

    Raises:
        ExportError: an unknown variable, none of an asset, or two objects of one name.
    """
    if not re.search(r"\$\{Asset\.(Id|Name)\}", pattern):
        raise ExportError(f"KeyPattern: `{pattern}` has no asset; use ${{Asset.Name}} or ${{Asset.Id}}")
    found: dict[str, Asset] = {}
    for asset in revision.assets:
        key = VARIABLE.sub(lambda match, asset=asset: _value(match[1], revision, asset), pattern)  # type: ignore[misc]
        if key in found:
            raise ExportError(f"KeyPattern: two assets of revision {revision.id} become `{key}`; use ${{Asset.Id}}")
        found[key] = asset
    return found


def _value(variable: str, revision: Revision, asset: Asset) -> str:
    values = {
        "Asset.Id": asset.id,
        "Asset.Name": asset.name,
        "DataSet.Id": revision.data_set,
        "Revision.Id": revision.id,
        "Revision.CreatedAt": time_text(revision.created_at),
        "Revision.CreatedAt.Year": f"{revision.created_at:%Y}",
        "Revision.CreatedAt.Month": f"{revision.created_at:%m}",
        "Revision.CreatedAt.Day": f"{revision.created_at:%d}",
    }
    if variable not in values:
        raise ExportError(f"KeyPattern: the twin knows no ${{{variable}}}; use one of {', '.join(values)}")
    return values[variable]


def export(revision: Revision, to: Destination, s3: Any, may: Callable[[str, str], bool]) -> Sequence[str]:
    """Write the objects of a revision, and return their keys.

    Args:
        revision: what is exported.
        to: where.
        s3: a client.
        may: says whether an object may be written, by bucket and key.

    Raises:
        ExportError: the pattern gives no good keys, or an object may not be written.
    """
    objects = keys(revision, to.key_pattern)
    for key in objects:
        if not may(to.bucket, key):
            raise ExportError(f"the policy of the bucket {to.bucket} does not let Data Exchange write {key}")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": to.key} if to.key else {}
    for key, asset in objects.items():
        s3.put_object(Bucket=to.bucket, Key=key, Body=asset.content, **encryption)
    return list(objects)
