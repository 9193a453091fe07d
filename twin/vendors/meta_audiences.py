"""Meta's Graph API, as far as it concerns the users of custom audiences."""

import re
from typing import Any, Final

from twin.vendors.server import Call, Document, Refused, VendorServer

MOST: Final = 10_000
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PATH: Final = re.compile(r"/v[0-9]+\.[0-9]/([0-9]+)/users")
_SCHEMA: Final = ["EMAIL", "PHONE"]
_EXPIRED: Final = 190
_TOO_MANY_CALLS: Final = 80003


class MetaAudiencesServer(VendorServer):
    """An account with one audience.

    Args:
        audience: its number.

    Attributes:
        members: hashes that it has, after the key of the schema.
        malformed: hashes that are refused as not valid.
        sessions: what requests said of themselves, in order.
    """

    def __init__(self, *, audience: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.audience = audience
        self.members: set[tuple[str, str]] = set()
        self.malformed: set[str] = set()
        self.sessions: list[Document] = []

    def answer(self, call: Call) -> Any:
        """Add or remove rows."""
        if not self.is_good(call.headers):
            raise _fault(_EXPIRED, "OAuthException")
        if self.must_wait():
            raise _fault(_TOO_MANY_CALLS, "OAuthException")
        path = _PATH.fullmatch(call.path)
        if path is None or path[1] != self.audience or call.method not in {"POST", "DELETE"}:
            raise _fault(100, "GraphMethodException")
        rows, session = self._rows(call.body), call.body["session"]
        good = {one for one in rows if one is not None and one[1] not in self.malformed}
        self.members = self.members | good if call.method == "POST" else self.members - good
        self.sessions.append(session)
        invalid = sum(one is None or one[1] in self.malformed for one in rows)
        return {
            "audience_id": self.audience,
            "session_id": str(session["session_id"]),
            "num_received": len(rows),
            "num_invalid_entries": invalid,
            "invalid_entry_samples": {},
        }

    @staticmethod
    def _rows(body: Document) -> list[tuple[str, str] | None]:
        payload, session = body["payload"], body["session"]
        told = {"session_id", "batch_seq", "last_batch_flag", "estimated_num_total"}
        if payload["schema"] != _SCHEMA or not 0 < len(payload["data"]) <= MOST or set(session) != told:
            raise _fault(100, "OAuthException")
        rows: list[tuple[str, str] | None] = []
        for row in payload["data"]:
            [found] = [(key, value) for key, value in zip(_SCHEMA, row, strict=True) if value]
            rows.append(found if _HASH.fullmatch(found[1]) else None)
        return rows


def _fault(code: int, kind: str) -> Refused:
    return Refused(400, {"error": {"message": "a fault", "type": kind, "code": code, "fbtrace_id": "A1"}})
