"""Landed objects: how S3 announces one, which of them a run of the ingestion takes, and the list that it gets."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from c360_core.digests import digest

# Endings of objects that only stand for a folder, or say that Spark or Hadoop has written all of its files.
FOLDER_MARKS: Final = ("/", "_$folder$", "/_SUCCESS")
# Data Exchange writes an object of this name into a bucket, to see whether it may.
PROBE: Final = "_ADX-TEST-"
MANIFESTS: Final = "ingestion/"  # folder of the file lists in the results bucket
REJECTED_FILES: Final = "files/"  # folder of the copies of rejected files in the quarantine bucket
MAX_RUN_FILES: Final = 200  # small files share their seconds, one that is loaded alone takes ten, a run has an hour
MAX_RUN_BYTES: Final = 256 * 1024**2  # size in the bucket; a larger file has a run of its own


class ManifestError(ValueError):
    """A message or a file list cannot be read; the error names the field and what it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedFile:
    """A landed object.

    Attributes:
        bucket: name of the bucket.
        key: exact key of the object.
        landed_at: when it was written according to S3; ISO 8601 in UTC.
        size: in bytes; 0 where S3 names none.
    """

    bucket: str
    key: str
    landed_at: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A revision of a product of Data Exchange.

    Attributes:
        id: by which its provider knows it; of a file that was dropped by hand, `file-` and a digest of its path.
        made_at: when it was made; of a dropped file, when it landed.
    """

    id: str
    made_at: datetime


def revision_keys(source: str) -> str:
    """Return the key pattern by which Data Exchange names the objects of a product; `revision_of` reads it."""
    return f"{source}/${{Revision.CreatedAt}}/${{Revision.Id}}/${{Asset.Name}}"


_REVISION_KEY: Final = re.compile(
    r"[^/]+/(?P<made_at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z)"
    r"/(?P<id>[a-zA-Z0-9]{30,40})/.+",
    re.DOTALL,
)


def revision_of(file: LandedFile) -> Revision:
    """Return the revision that a landed object belongs to. A file that was dropped by hand is a revision of its own."""
    found = _REVISION_KEY.fullmatch(file.key)
    if found is None:
        return Revision(id=f"file-{digest(file.key)}", made_at=datetime.fromisoformat(file.landed_at))
    return Revision(id=found["id"], made_at=datetime.fromisoformat(found["made_at"]))


def is_probe(key: str) -> bool:
    """Return whether Data Exchange wrote an object only to see whether it may."""
    return key.rpartition("/")[2].startswith(PROBE)


def is_folder_mark(key: str) -> bool:
    """Return whether an object only stands for a folder, as consoles and Hadoop create them, and holds no rows."""
    return key.endswith(FOLDER_MARKS)


def of_event(text: str) -> LandedFile:
    """Return the object that a message of EventBridge announces, an S3 event `Object Created` as JSON text.

    Raises:
        ManifestError: the message is no such event.
    """
    event = _document(text, "the message")
    detail = _part(event, "detail")
    thing = _part(detail, "object")
    return LandedFile(
        bucket=_text(_part(detail, "bucket"), "name"),
        key=_text(thing, "key"),
        landed_at=_text(event, "time"),
        size=_size(thing),
    )


def runs(files: Iterable[LandedFile]) -> Iterator[tuple[LandedFile, ...]]:
    """Yield the files of one run after another: each object once, the earliest first.

    Of an object that landed twice only the newest content can be read, so its later arrival counts.
    """
    newest: dict[tuple[str, str], LandedFile] = {}
    for file in files:
        place = (file.bucket, file.key)
        newest[place] = max(newest.get(place, file), file, key=_order)
    run: list[LandedFile] = []
    size = 0
    for file in sorted(newest.values(), key=_order):
        if run and (len(run) == MAX_RUN_FILES or size + file.size > MAX_RUN_BYTES):
            yield tuple(run)
            run, size = [], 0
        run.append(file)
        size += file.size
    if run:
        yield tuple(run)


def manifest_text(files: Sequence[LandedFile]) -> str:
    """Return the file list of a run as JSON text."""
    return json.dumps({"files": [asdict(file) for file in files]}, ensure_ascii=False)


def run_input(manifest: str, files: Sequence[LandedFile]) -> str:
    """Return the input of a run: the key of its file list, and the number of files, for metrics."""
    return json.dumps({"manifest": manifest, "files": len(files)})


def read_manifest(text: str) -> tuple[LandedFile, ...]:
    """Return the files of a file list.

    Raises:
        ManifestError: the text is no file list.
    """
    files = _document(text, "the list").get("files")
    if not isinstance(files, list) or not files:
        raise ManifestError("files: expected a list with at least one file")
    return tuple(
        LandedFile(
            bucket=_text(file, "bucket"), key=_text(file, "key"), landed_at=_text(file, "landed_at"), size=_size(file)
        )
        for file in (_mapping(entry, f"files[{number}]") for number, entry in enumerate(files))
    )


def _order(file: LandedFile) -> tuple[str, str, str]:
    return file.landed_at, file.bucket, file.key


def _document(text: str, what: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(text), what)
    except ValueError as error:
        raise ManifestError(f"{what} is no JSON object: {error}") from error


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{name}: expected a JSON object")
    return value


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return _mapping(document.get(name), name)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise ManifestError(f"{name}: expected text; send the event of S3 as EventBridge delivers it")
    return value


def _size(document: Mapping[str, Any]) -> int:
    value = document.get("size", 0)
    return value if isinstance(value, int) and value > 0 else 0
