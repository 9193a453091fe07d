"""Salesforce's REST query: OAuth refresh, SOQL of the form that AppFlow asks, pages behind `nextRecordsUrl`."""

import operator
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from twin.vendors.server import Call, Document, Refused, VendorServer

SOQL: Final = re.compile(r"SELECT (?P<fields>.+?) FROM (?P<object>\w+)(?: WHERE (?P<where>.+))?")
CONDITION: Final = re.compile(r"(\w+) (!=|<=|>=|=|<|>) ('[^']*'|\S+)")
COMPARED: Final = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
CLIENT: Final = "of the consent"
EXPIRED: Final = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


class SalesforceServer(VendorServer):
    """An organization.

    Args:
        objects: records by the name of their object.
    """

    def __init__(self, objects: Mapping[str, Sequence[Document]], **settings: Any) -> None:
        super().__init__(**settings)
        self.objects = {name: list(records) for name, records in objects.items()}
        self.consent = CLIENT
        self._cursors: dict[str, list[Document]] = {}

    def answer(self, call: Call) -> Any:
        """Answer a sign-in, a query, or the next page of one."""
        if call.path == "/services/oauth2/token":
            if call.body.get("refresh_token") != self.consent:
                raise Refused(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
            return {"access_token": self.new_token(), "instance_url": self.address, "token_type": "Bearer"}
        if not self.is_good(call.headers):
            raise Refused(401, EXPIRED)
        if self.must_wait():
            raise Refused(429, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}], {"Retry-After": "0.05"})
        _, _, cursor = call.path.partition("/query/")
        if cursor:
            return self._page(self._cursors.pop(cursor))
        return self._page(self._found(call.query["q"]))

    def _found(self, asked: str) -> list[Document]:
        parsed = SOQL.fullmatch(asked)
        if parsed is None or parsed["object"] not in self.objects:
            raise Refused(400, [{"errorCode": "MALFORMED_QUERY", "message": asked}])
        names = parsed["fields"].split(", ")
        conditions = [CONDITION.fullmatch(one) for one in parsed["where"].split(" AND ")] if parsed["where"] else []
        if None in conditions:
            raise Refused(400, [{"errorCode": "MALFORMED_QUERY", "message": asked}])
        records = [one for one in self.objects[parsed["object"]] if all(_holds(one, c) for c in conditions)]
        unknown = [name for name in names if records and all(name not in one for one in self.objects[parsed["object"]])]
        if unknown:
            raise Refused(400, [{"errorCode": "INVALID_FIELD", "message": ", ".join(unknown)}])
        return [
            {"attributes": {"type": parsed["object"]}, **{name: one.get(name) for name in names}} for one in records
        ]

    def _page(self, records: list[Document]) -> Document:
        now, later = records[: self.page], records[self.page :]
        answer: Document = {"totalSize": len(records), "done": not later, "records": now}
        if later:
            cursor = f"01g{len(self.requests):06d}-{len(later)}"
            self._cursors[cursor] = later
            answer["nextRecordsUrl"] = f"/services/data/v58.0/query/{cursor}"
        return answer


def _holds(record: Document, condition: "re.Match[str] | None") -> bool:
    if condition is None:
        return False
    field, sign, said = condition.groups()
    value: Any = record.get(field)
    other: Any = said.strip("'")
    if isinstance(value, str) and value[:4].isdigit() and "T" in value and not said.startswith("'"):
        value, other = datetime.fromisoformat(value), datetime.fromisoformat(other)
    elif isinstance(value, bool):
        value = str(value).lower()
    return bool(COMPARED[sign](value, other))
