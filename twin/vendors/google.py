"""Google's Analytics Data API: OAuth refresh, the property's metadata, and `runReport` with limit and offset."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from twin.vendors.server import Call, Document, Refused, VendorServer

MOST_DIMENSIONS: Final = 9
MOST_METRICS: Final = 10


class GoogleServer(VendorServer):
    """A property.

    Args:
        rows: of its report, one text by dimension and metric; `date` is the day.
        metrics: which of them are metrics.
        report: its path.
    """

    def __init__(
        self, rows: Sequence[Mapping[str, str]], *, metrics: Sequence[str], report: str = "properties/1234",
        **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(**settings)
        self.rows, self.metrics, self.report = list(rows), tuple(metrics), report
        self.consent = "of the consent"

    def answer(self, call: Call) -> Any:
        """Answer a sign-in, the metadata, or a page of the report."""
        if call.path == "/token":
            if call.body.get("refresh_token") != self.consent:
                raise Refused(400, {"error": "invalid_grant"})
            return {"access_token": self.new_token(), "expires_in": 3599, "token_type": "Bearer"}
        if not self.is_good(call.headers):
            raise Refused(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
        if self.must_wait():
            raise Refused(429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, {"Retry-After": "0.05"})
        if call.path == f"/v1beta/{self.report}/metadata":
            names = dict.fromkeys(name for row in self.rows for name in row)
            dimensions = [{"apiName": name} for name in names if name not in self.metrics]
            return {"name": f"{self.report}/metadata", "dimensions": dimensions,
                    "metrics": [{"apiName": name} for name in self.metrics]}  # fmt: skip
        if call.path == f"/v1beta/{self.report}:runReport":
            return self._page(call.body)
        raise Refused(404, {"error": {"code": 404, "status": "NOT_FOUND"}})

    def _page(self, body: Document) -> Document:
        dimensions = [one["name"] for one in body["dimensions"]]
        metrics = [one["name"] for one in body["metrics"]]
        if len(dimensions) > MOST_DIMENSIONS or len(metrics) > MOST_METRICS:
            raise Refused(400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}})
        [days] = body["dateRanges"]
        since, until = (days[name].replace("-", "") for name in ("startDate", "endDate"))
        found = [row for row in self.rows if since <= row["date"] <= until]
        start, size = int(body.get("offset", "0")), int(body.get("limit", "10000"))
        return {
            "dimensionHeaders": [{"name": name} for name in dimensions],
            "metricHeaders": [{"name": name, "type": "TYPE_INTEGER"} for name in metrics],
            "rows": [
                {
                    "dimensionValues": [{"value": row[name]} for name in dimensions],
                    "metricValues": [{"value": row[name]} for name in metrics],
                }
                for row in found[start : start + size]
            ],
            "rowCount": len(found),
            "kind": "analyticsData#runReport",
        }
