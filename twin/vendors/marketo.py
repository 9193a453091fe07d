"""Marketo's REST interface: client credentials, bulk extract of leads, activities by types and paging token.

It answers 200 to nearly everything, and says in the body whether it worked: 602 is a token that has expired, 606 a
caller that comes too often.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from twin.vendors.server import Call, Document, Refused, VendorServer

LONGEST: Final = timedelta(days=31)
MOST_TYPES: Final = 10
TYPES: Final = ({"id": 1, "name": "Visit Webpage"}, {"id": 6, "name": "Send Email"},
                {"id": 10, "name": "Open Email"}, {"id": 11, "name": "Click Email"},
                {"id": 12, "name": "New Lead"})  # fmt: skip


class MarketoServer(VendorServer):
    """An instance."""

    def __init__(self, leads: Sequence[Document], activities: Sequence[Document], **settings: Any) -> None:
        super().__init__(**settings)
        self.leads, self.activities = list(leads), list(activities)
        self.client, self.secret = "client", "of the client"
        self._jobs: dict[str, Document] = {}
        self._asked: dict[str, int] = {}

    def answer(self, call: Call) -> Any:
        """Answer a sign-in, a step of a bulk extract, or a page of activities."""
        if call.path == "/identity/oauth/token":
            if (call.query.get("client_id"), call.query.get("client_secret")) != (self.client, self.secret):
                raise Refused(401, {"error": "invalid_client"})
            return {"access_token": self.new_token(), "token_type": "bearer", "expires_in": 3599, "scope": "reader"}
        if not self.is_good(call.headers):
            return _refused("602", "Access token expired")
        if self.must_wait():
            return _refused("606", "Max rate limit '100' exceeded with in '20' secs")
        return self._data(call)

    def _data(self, call: Call) -> Any:
        if call.path.startswith("/bulk/v1/leads/export/"):
            return self._extract(call.path.removeprefix("/bulk/v1/leads/export/"), call.body)
        if call.path == "/rest/v1/activities/types.json":
            return _done(list(TYPES))
        if call.path == "/rest/v1/activities/pagingtoken.json":
            return {"success": True, "requestId": "r", "nextPageToken": f"{call.query['sinceDatetime']}|0"}
        if call.path == "/rest/v1/activities.json":
            return self._page(call.query)
        raise Refused(404, "no such path")

    def _extract(self, step: str, body: Any) -> Any:
        if step == "create.json":
            [(field, span)] = body["filter"].items()
            start, end = datetime.fromisoformat(span["startAt"]), datetime.fromisoformat(span["endAt"])
            if end - start > LONGEST:
                return _refused("1035", "Unsupported filter type: more than 31 days")
            job = f"job-{len(self._jobs) + 1}"
            found = [one for one in self.leads if start <= datetime.fromisoformat(one[field]) < end]
            self._jobs[job] = {"fields": body["fields"], "found": found, "states": ["Queued", "Processing"]}
            return _done([{"exportId": job, "status": "Created", "format": "CSV"}])
        job, _, action = step.partition("/")
        if action == "enqueue.json":
            return _done([{"exportId": job, "status": "Queued"}])
        if action == "status.json":
            states = self._jobs[job]["states"]
            return _done([{"exportId": job, "status": states.pop(0) if states else "Completed"}])
        text = io.StringIO()
        writer = csv.DictWriter(text, self._jobs[job]["fields"], extrasaction="ignore")
        writer.writeheader()
        for one in self._jobs[job]["found"]:
            writer.writerow({name: _text(one.get(name)) for name in self._jobs[job]["fields"]})
        return text.getvalue()

    def _page(self, query: Mapping[str, str]) -> Document:
        types = [int(kind) for kind in query["activityTypeIds"].split(",")]
        if len(types) > MOST_TYPES:
            return _refused("1003", "activityTypeIds: at most 10")
        since, _, start = query["nextPageToken"].partition("|")
        found = [
            one
            for one in self.activities
            if one["activityTypeId"] in types
            and datetime.fromisoformat(one["activityDate"]) >= datetime.fromisoformat(since)
        ]
        first = int(start)
        page = found[first : first + self.page]
        more = first + self.page < len(found)
        return {
            "success": True, "requestId": "r", "moreResult": more, "nextPageToken": f"{since}|{first + self.page}",
            **({"result": page} if page else {}),
        }  # fmt: skip


def _done(result: list[Document]) -> Document:
    return {"success": True, "requestId": "r", "result": result}


def _refused(code: str, message: str) -> Document:
    return {"success": False, "requestId": "r", "errors": [{"code": code, "message": message}]}


def _text(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
