"""Reads an object of each vendor in the vendor's documented form: sign-in, query, and page after page."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from twin.providers.appflow.http import Answer, Http, Sleep, UnauthorizedError, VendorError, basic
from twin.providers.appflow.plan import CUSTOM, GOOGLE, Condition, Plan, PlanError

SALESFORCE_QUERY: Final = "/services/data/v58.0/query"
SALESFORCE_TOKEN: Final = "/services/oauth2/token"  # noqa: S105  # a path
MARKETO_EXPIRED: Final = ("601", "602")
MARKETO_BUSY: Final = ("606", "615")
MARKETO_DAYS: Final = 31  # a bulk extract may span so many
MARKETO_TRIES: Final = 50
GOOGLE_PAGE: Final = 2  # rows of a page: small, so that a laptop sees more than one
SAP_DATE: Final = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
COMPARED: Final[Mapping[str, tuple[str, str]]] = {  # in SOQL, in OData
    "EQUAL_TO": ("=", "eq"), "NOT_EQUAL_TO": ("!=", "ne"), "LESS_THAN": ("<", "lt"), "GREATER_THAN": (">", "gt"),
    "LESS_THAN_OR_EQUAL_TO": ("<=", "le"), "GREATER_THAN_OR_EQUAL_TO": (">=", "ge"),
}  # fmt: skip
UNQUOTED: Final = ("boolean", "integer", "long", "double", "decimal", "currency", "date", "datetime")

Record = dict[str, Any]
Credentials = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The changes that a run reads: after `since`, up to `until`."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A connection: the resolved properties and credentials of its connector."""

    connector: str
    label: str | None
    properties: Mapping[str, Any]
    credentials: Credentials


def read(plan: Plan, profile: Profile, window: Window | None, sleep: Sleep) -> Iterator[Record]:
    """Yield the records of a flow's object that meet its conditions.

    Args:
        window: None to read all.
        sleep: waits before a busy vendor is asked again.

    Raises:
        VendorError: the vendor refused or did not answer.
        PlanError: the stand-in does not know the connector, or the profile is another vendor's.
    """
    if profile.connector != plan.connector:
        raise PlanError(f"the connection {plan.profile} leads to {profile.connector}, and the flow to {plan.connector}")
    if plan.connector == CUSTOM and profile.label != GOOGLE:
        raise PlanError(f"ConnectorLabel: the laptop twin does not know the connector {profile.label}")
    yield from READERS[plan.connector](plan, profile, window, sleep)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


# ---- Salesforce: OAuth refresh, SOQL, `nextRecordsUrl`


def _salesforce(plan: Plan, profile: Profile, window: Window | None, sleep: Sleep) -> Iterator[Record]:
    http = Http(str(profile.properties["InstanceUrl"]), sleep=sleep)
    token = {"now": str(profile.credentials.get("AccessToken", ""))}

    def refresh() -> None:
        form = {"grant_type": "refresh_token", "refresh_token": str(profile.credentials.get("RefreshToken", ""))}
        token["now"] = str(http.post(SALESFORCE_TOKEN, form, form=True).document["access_token"])

    def ask(path: str, query: Mapping[str, str] | None = None) -> Any:
        return _renewed(lambda: http.get(path, query, {"Authorization": f"Bearer {token['now']}"}), refresh).document

    page = ask(SALESFORCE_QUERY, {"q": _soql(plan, window)})
    while True:
        for record in page["records"]:
            yield {name: value for name, value in record.items() if name != "attributes"}
        if page["done"]:
            return
        page = ask(str(page["nextRecordsUrl"]))


def _soql(plan: Plan, window: Window | None) -> str:
    asked = [_soql_condition(one) for one in plan.conditions]
    if window is not None and plan.incremental:
        asked += [f"{plan.incremental} > {_iso(window.since)}", f"{plan.incremental} <= {_iso(window.until)}"]
    where = f" WHERE {' AND '.join(asked)}" if asked else ""
    return f"SELECT {', '.join(plan.fields)} FROM {plan.object}{where}"  # noqa: S608  # of the flow, for SOQL


def _soql_condition(one: Condition) -> str:
    if one.operator == "CONTAINS":
        return " OR ".join(f"{one.field} LIKE '%{value}%'" for value in one.values)
    sign = COMPARED[one.operator][0]
    values = [value if one.type in UNQUOTED else f"'{value}'" for value in one.values]
    if len(values) == 1:
        return f"{one.field} {sign} {values[0]}"
    return f"{one.field} {'NOT IN' if one.operator == 'NOT_EQUAL_TO' else 'IN'} ({', '.join(values)})"


def _renewed(ask: Callable[[], Answer], refresh: Callable[[], None]) -> Answer:
    """Ask; where the token has expired, get another and ask once more."""
    try:
        return ask()
    except UnauthorizedError:
        refresh()
        return ask()


# ---- SAP OData: basic authentication, `$filter`, `__next` (version 2) and `@odata.nextLink` (version 4)


def _sap(plan: Plan, profile: Profile, window: Window | None, sleep: Sleep) -> Iterator[Record]:
    said = profile.properties
    host, port = str(said["ApplicationHostUrl"]), said.get("PortNumber")
    base = host if urlsplit(host).port or not port else f"{host}:{port}"
    http = Http(base, sleep=sleep)
    user = profile.credentials["BasicAuthCredentials"]
    headers = {
        "Authorization": basic(str(user["Username"]), str(user["Password"])),
        "Accept": "application/json",
        "sap-client": str(said["ClientNumber"]),
        "sap-language": str(said.get("LogonLanguage", "EN")),
    }
    query = {"$format": "json", "$select": ",".join(plan.fields)}
    if asked := _odata(plan, window):
        query["$filter"] = asked
    page = http.get(plan.object, query, headers).document
    while True:
        is_new = "value" in page
        for record in page["value"] if is_new else page["d"]["results"]:
            yield {name: _sap_value(value) for name, value in record.items() if name != "__metadata"}
        following = page.get("@odata.nextLink") if is_new else page["d"].get("__next")
        if not following:
            return
        page = http.get(str(following), None, headers).document


def _odata(plan: Plan, window: Window | None) -> str:
    asked = []
    for one in plan.conditions:
        tests = [f"{one.field} {COMPARED[one.operator][1]} '{value}'" for value in one.values]
        asked.append(tests[0] if len(tests) == 1 else f"({' or '.join(tests)})")
    if window is not None and plan.incremental:
        since, until = (moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") for moment in (window.since, window.until))
        asked += [f"{plan.incremental} ge datetime'{since}'", f"{plan.incremental} le datetime'{until}'"]
    return " and ".join(asked)


def _sap_value(value: Any) -> Any:
    """Return a time of OData 2 as ISO 8601; other values are as they should be. An empty text is no value to SAP."""
    found = SAP_DATE.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        return _iso(datetime.fromtimestamp(int(found[1]) / 1000, UTC))
    return None if value == "" else value


# ---- Marketo: client credentials, bulk extract of leads, activities by types and paging token


class _Marketo:
    """Marketo answers 200 to nearly everything, and says in the body what is wrong."""

    def __init__(self, profile: Profile, sleep: Sleep) -> None:
        self.http = Http(str(profile.properties["InstanceUrl"]), sleep=sleep)
        self._client = {
            "grant_type": "client_credentials",
            "client_id": str(profile.credentials["ClientId"]),
            "client_secret": str(profile.credentials["ClientSecret"]),
        }
        self._sleep = sleep
        self._token = ""
        self._sign_in()

    def _sign_in(self) -> None:
        self._token = str(self.http.get("/identity/oauth/token", self._client).document["access_token"])

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def ask(self, ask: Callable[[], Answer]) -> Any:
        """Return a document; a token that has expired is renewed, and a busy vendor is asked again."""
        for wait in (0.2, 0.4, 0.8, 1.6):
            document = ask().document
            if document.get("success"):
                return document
            codes = [str(error["code"]) for error in document.get("errors", [])]
            if set(codes) & set(MARKETO_EXPIRED):
                self._sign_in()
            elif set(codes) & set(MARKETO_BUSY):
                self._sleep(wait)
            else:
                break
        raise VendorError(f"Marketo refused: {document.get('errors')}")


def _marketo(plan: Plan, profile: Profile, window: Window | None, sleep: Sleep) -> Iterator[Record]:
    if window is None or plan.incremental is None:
        raise PlanError("Marketo: a flow reads the changes of a time; DataPullMode must be Incremental")
    reader = {"leads": _marketo_leads, "activities": _marketo_activities}.get(plan.object)
    if reader is None:
        raise PlanError(f"Marketo: the laptop twin does not know the object {plan.object}")
    for record in reader(plan, _Marketo(profile, sleep), window, sleep):
        if all(_number_holds(record.get(one.field), one) for one in plan.conditions):
            yield record


def _number_holds(value: Any, one: Condition) -> bool:
    limit = float(one.values[0])
    return float(value) < limit if one.operator == "LESS_THAN" else float(value) > limit


def _marketo_leads(plan: Plan, vendor: _Marketo, window: Window, sleep: Sleep) -> Iterator[Record]:
    start = window.since
    while start < window.until:
        end = min(start + timedelta(days=MARKETO_DAYS), window.until)
        yield from _extract(plan, vendor, Window(since=start, until=end), sleep)
        start = end


def _extract(plan: Plan, vendor: _Marketo, window: Window, sleep: Sleep) -> Iterator[Record]:
    jobs = "/bulk/v1/leads/export"
    asked = {
        "fields": list(plan.fields),
        "format": "CSV",
        "filter": {plan.incremental: {"startAt": _iso(window.since), "endAt": _iso(window.until)}},
    }
    made = vendor.ask(lambda: vendor.http.post(f"{jobs}/create.json", asked, vendor.headers))
    job = f"{jobs}/{made['result'][0]['exportId']}"
    vendor.ask(lambda: vendor.http.post(f"{job}/enqueue.json", None, vendor.headers))
    for _ in range(MARKETO_TRIES):
        state = vendor.ask(lambda: vendor.http.get(f"{job}/status.json", None, vendor.headers))["result"][0]["status"]
        if state == "Completed":
            break
        if state in {"Failed", "Cancelled"}:
            raise VendorError(f"Marketo ended the extract as {state}")
        sleep(0.05)
    else:
        raise VendorError("Marketo did not end the extract")
    text = vendor.http.get(f"{job}/file.json", None, vendor.headers).text
    for row in csv.DictReader(io.StringIO(text)):
        yield {name: None if value in {"", "null"} else value for name, value in row.items()}


def _marketo_activities(plan: Plan, vendor: _Marketo, window: Window, _sleep: Sleep) -> Iterator[Record]:
    http = vendor.http
    types = [
        one["id"]
        for one in vendor.ask(lambda: http.get("/rest/v1/activities/types.json", None, vendor.headers))["result"]
    ]
    wanted = [
        kind
        for kind in types
        if all(_number_holds(kind, one) for one in plan.conditions if one.field == "activityTypeId")
    ]
    since = {"sinceDatetime": _iso(window.since)}
    page = vendor.ask(lambda: http.get("/rest/v1/activities/pagingtoken.json", since, vendor.headers))
    for first in range(0, len(wanted), 10):  # of which one call takes ten
        ids = ",".join(str(kind) for kind in wanted[first : first + 10])
        token, more = str(page["nextPageToken"]), True
        while more:
            query = {"activityTypeIds": ids, "nextPageToken": token}
            found = vendor.ask(lambda query=query: http.get("/rest/v1/activities.json", query, vendor.headers))  # type: ignore[misc]
            yield from (one for one in found.get("result", ()) if _moment(one["activityDate"]) <= window.until)
            token, more = str(found["nextPageToken"]), bool(found["moreResult"])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ---- Google Analytics 4: OAuth refresh, the report's metadata, `runReport` with an offset


def _google(plan: Plan, profile: Profile, window: Window | None, sleep: Sleep) -> Iterator[Record]:
    tokens = urlsplit(str(profile.properties["OAuth2Properties"]["TokenUrl"]))
    http = Http(f"{tokens.scheme}://{tokens.netloc}", sleep=sleep)
    said = profile.credentials["Oauth2"]
    token = {"now": str(said.get("AccessToken", ""))}

    def refresh() -> None:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": str(said["RefreshToken"]),
            "client_id": str(said["ClientId"]),
            "client_secret": str(said["ClientSecret"]),
        }
        token["now"] = str(http.post(tokens.path, form, form=True).document["access_token"])

    def bearer() -> dict[str, str]:
        return {"Authorization": f"Bearer {token['now']}"}

    metadata = _renewed(lambda: http.get(f"/v1beta/{plan.object}/metadata", None, bearer()), refresh).document
    metrics = {one["apiName"] for one in metadata["metrics"]}
    asked: dict[str, Any] = {
        "dateRanges": [_days(window)],
        "dimensions": [{"name": field} for field in plan.fields if field not in metrics],
        "metrics": [{"name": field} for field in plan.fields if field in metrics],
        "limit": str(GOOGLE_PAGE),
    }
    if plan.conditions:
        raise PlanError("Tasks: the laptop twin knows no conditions of Google Analytics 4")
    offset = 0

    def ask(body: Mapping[str, Any]) -> Answer:
        return http.post(f"/v1beta/{plan.object}:runReport", body, bearer())

    while True:
        page = _renewed(partial(ask, {**asked, "offset": str(offset)}), refresh).document
        names = [one["name"] for one in (*page["dimensionHeaders"], *page["metricHeaders"])]
        rows = page.get("rows", [])
        for row in rows:
            values = [one["value"] for one in (*row["dimensionValues"], *row["metricValues"])]
            yield dict(zip(names, values, strict=True))
        offset += len(rows)
        if not rows or offset >= int(page.get("rowCount", 0)):
            return


def _days(window: Window | None) -> dict[str, str]:
    """Reports are of whole days; a day that was read before is read again, since it was not over."""
    if window is None:
        return {"startDate": "30daysAgo", "endDate": "yesterday"}
    return {"startDate": window.since.date().isoformat(), "endDate": window.until.date().isoformat()}


READERS: Final = {"Salesforce": _salesforce, "SAPOData": _sap, "Marketo": _marketo, CUSTOM: _google}
