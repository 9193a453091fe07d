"""SAP's OData services: basic authentication, `$filter` and `$select`, pages behind `__next` or `@odata.nextLink`."""

import base64
import operator
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from twin.vendors.server import Call, Document, Refused, VendorServer

CONDITION: Final = re.compile(r"(\w+) (eq|ne|lt|le|gt|ge) (?:datetime)?'([^']*)'")
COMPARED: Final = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


class SapServer(VendorServer):
    """A system.

    Args:
        objects: records by the path of their entity set; times are `datetime`.
        version: of OData, 2 or 4.
    """

    def __init__(self, objects: Mapping[str, Sequence[Document]], *, version: int = 2, **settings: Any) -> None:
        super().__init__(**settings)
        self.objects = {name: list(records) for name, records in objects.items()}
        self.user, self.password, self._version = "reader", "of the reader", version

    def answer(self, call: Call) -> Any:
        """Answer a page of an entity set."""
        expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {expected}":
            raise Refused(401, "Logon failed")
        if not call.headers.get("sap-client") and "$skiptoken" not in call.query:
            raise Refused(400, "sap-client is missing")
        if self.must_wait():
            raise Refused(429, "", {"Retry-After": "0.05"})
        if call.path not in self.objects:
            raise Refused(
                404, {"error": {"code": "/IWFND/MED/170", "message": {"value": f"No service for {call.path}"}}}
            )
        asked = call.query.get("$filter", "")
        conditions = [CONDITION.fullmatch(one) for one in asked.split(" and ")] if asked else []
        if None in conditions:
            raise Refused(400, {"error": {"code": "005056A509B11EE1B9A8FEC11C21578E", "message": {"value": asked}}})
        found = [one for one in self.objects[call.path] if all(_holds(one, c) for c in conditions)]
        start = int(call.query.get("$skiptoken", "0"))
        names = call.query.get("$select", "").split(",")
        rows = [{name: self._value(one.get(name)) for name in names} for one in found[start : start + self.page]]
        following = ""
        if start + self.page < len(found):
            more = "&".join(f"{name}={quote(value)}" for name, value in call.query.items() if name != "$skiptoken")
            following = f"{self.address}{call.path}?{more}&$skiptoken={start + self.page}"
        if self._version == 4:  # noqa: PLR2004  # of OData
            return {"value": rows, **({"@odata.nextLink": following} if following else {})}
        results = [{"__metadata": {"type": call.path.rpartition("/")[2]}, **row} for row in rows]
        return {"d": {"results": results, **({"__next": following} if following else {})}}

    def _value(self, value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        if self._version == 2:  # noqa: PLR2004  # of OData
            return f"/Date({int(value.timestamp() * 1000)})/"
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _holds(record: Document, condition: "re.Match[str] | None") -> bool:
    if condition is None:
        return False
    field, sign, said = condition.groups()
    value: Any = record.get(field)
    other: Any = datetime.fromisoformat(said).replace(tzinfo=UTC) if isinstance(value, datetime) else said
    return bool(COMPARED[sign](value, other))
