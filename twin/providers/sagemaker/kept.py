"""What SageMaker keeps of what it was asked to make: documents by kind and name, which outlive the emulator."""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from twin.emulator.wire import ServiceError

Document = dict[str, Any]
_TIME: Final = "__time__"


class Kept:
    """Documents by kind and name, each with the time at which it was made.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.RLock()
        self._held: dict[str, dict[str, Document]] = (
            json.loads(path.read_text(encoding="utf-8"), object_hook=_read) if path.exists() else {}
        )

    def make(self, kind: str, name: str, document: Mapping[str, Any]) -> Document:
        """Keep a new document.

        Raises:
            ServiceError: there is one of this kind and name, which SageMaker refuses under this code.
        """
        with self._lock:
            if name in self._held.get(kind, {}):
                raise ServiceError("ValidationException", f"Cannot create already existing {kind} {name}")
            return self.put(kind, name, {"CreationTime": datetime.now(UTC), **document})

    def put(self, kind: str, name: str, document: Mapping[str, Any]) -> Document:
        """Keep a document in the place of the one before."""
        with self._lock:
            kept = {**document, "LastModifiedTime": datetime.now(UTC)}
            self._held.setdefault(kind, {})[name] = kept
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps(self._held, default=_written), encoding="utf-8")
            temporary.replace(self._path)
            return dict(kept)

    def change(self, kind: str, name: str, **changed: Any) -> Document:
        """Change parts of a document."""
        with self._lock:
            return self.put(kind, name, {**self.get(kind, name), **changed})

    def get(self, kind: str, name: str) -> Document:
        """Return a document.

        Raises:
            ServiceError: there is none; SageMaker answers so for what it does not know.
        """
        with self._lock:
            found = self._held.get(kind, {}).get(name)
        if found is None:
            raise ServiceError("ValidationException", f"Could not find {kind} {name}")
        return dict(found)

    def delete(self, kind: str, name: str) -> None:
        """Forget a document, which must be there."""
        with self._lock:
            self.get(kind, name)
            del self._held[kind][name]

    def all(self, kind: str) -> list[Document]:
        """Return the documents of a kind, the oldest first."""
        with self._lock:
            return [dict(one) for one in self._held.get(kind, {}).values()]


def newest_first(documents: list[Document], request: Mapping[str, Any]) -> list[Document]:
    """Return documents in the order that a list's request asks for, and no more than it takes."""
    found = sorted(documents, key=lambda one: one["CreationTime"])
    if request.get("SortOrder", "Descending") == "Descending":
        found.reverse()
    return found[: request.get("MaxResults", 100)]


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return {_TIME: value.isoformat()}
    raise TypeError(f"cannot keep {value!r}")


def _read(value: Document) -> Any:
    return datetime.fromisoformat(value[_TIME]) if set(value) == {_TIME} else value
