"""Checks what a contract says of how its data arrives: the `servers` of the standard.

What differs between environments, such as a host, is a variable in the contract (`${erp.host}`) and a setting of the
environment.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from c360_core.names import Arrival, JoinedBy, Revisions
from tools.contracts.compiler import (
    APPFLOW,
    ARRIVALS,
    CHALLENGE,
    CUSTOM_SERVER,
    DATA_EXCHANGE,
    JDBC,
    JOIN_COLUMNS,
    SIGNATURE,
    arrival,
    cadence_seconds,
    custom_properties,
    reference_columns,
)
from tools.contracts.flows import flow_problems
from tools.contracts.standard import Problem
from tools.contracts.webhooks import signature_problems

CUSTOM_ARRIVALS: Final = (Arrival.APPFLOW, Arrival.DATA_EXCHANGE)
KINDS: Final[Mapping[Arrival, str]] = {
    Arrival.HTTP: "stream",
    Arrival.KAFKA: "stream",
    Arrival.FILES: "file",
    Arrival.JDBC: "file",
    Arrival.APPFLOW: "file",
    Arrival.DATA_EXCHANGE: "file",
}
# What no system of this project brings yet. Whoever adds the system takes it out.
WITHOUT_SYSTEM: Final = (Arrival.KAFKA,)
PROPERTIES: Final[Mapping[Arrival, tuple[str, ...]]] = {
    Arrival.HTTP: (*SIGNATURE, *CHALLENGE),
    Arrival.JDBC: tuple(JDBC),
    Arrival.APPFLOW: ("arrival", *APPFLOW),
    Arrival.DATA_EXCHANGE: ("arrival", *DATA_EXCHANGE),
}
OPTIONAL: Final = (
    "partitionColumn", "partitions", "fieldTypes", "incrementalField", "historyFrom", "filters", "masks",
    *SIGNATURE, *CHALLENGE,
)  # fmt: skip
COLLECTOR: Final = "https://${collector.host}/v1/batch"
HOOKS: Final = "https://${collector.host}/v1/hooks/"
CONNECTION: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
SQL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
SPLIT_TYPES: Final = ("integer", "number", "date", "timestamp")
RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "overlapMinutes": (0, 7 * 24 * 60),
    "partitions": (2, 64),
    "compareHours": (1, 31 * 24),
}
LEAST_INCREMENT_SECONDS: Final = 5 * 60

Contract = Mapping[str, Any]
Found = tuple[str, str, str]  # the field below `servers`, what is wrong with it, and the fix


def server_problems(file: str, contract: Contract) -> Iterator[Problem]:
    """Yield what is wrong with the servers of one contract."""
    for where, message, fix in _problems(contract):
        yield Problem(file=file, field=".".join(filter(None, ["servers", where])), message=message, fix=fix)


def connection_problems(parsed: Mapping[str, Contract]) -> Iterator[Problem]:
    """Yield what contracts say differently of one connection to a database or a vendor."""
    yield from _vendor_problems(parsed)
    said: dict[str, tuple[str, str, Any]] = {}
    for file, contract in parsed.items():
        for server in contract.get("servers", []):
            if ARRIVALS.get(server["type"]) is not Arrival.JDBC:
                continue
            first, kind, database = said.setdefault(server["server"], (file, server["type"], server["database"]))
            if (server["type"], server["database"]) != (kind, database):
                message = f"is `{server['database']}` on {server['type']}, and in {first} `{database}` on {kind}"
                fix = "a connection leads to one database: give the other one a name of its own"
                yield Problem(file=file, field=f"servers.{server['server']}.database", message=message, fix=fix)


def _vendor_problems(parsed: Mapping[str, Contract]) -> Iterator[Problem]:
    said: dict[str, tuple[str, Any]] = {}
    for file, contract in parsed.items():
        for server in contract.get("servers", []):
            if arrival(server) is not Arrival.APPFLOW:
                continue
            connector = custom_properties(server).get("connector")
            first, vendor = said.setdefault(server["server"], (file, connector))
            if connector != vendor:
                fix = "a connection leads to one vendor: give the other one a name of its own"
                message = f"is `{connector}`, and in {first} `{vendor}`"
                yield Problem(file=file, field=f"servers.{server['server']}.connector", message=message, fix=fix)


def _problems(contract: Contract) -> Iterator[Found]:
    kind = custom_properties(contract).get("kind")
    servers = contract.get("servers", [])
    if kind not in KINDS.values():
        if servers:
            yield "", f"means nothing in a contract of kind {kind}", "remove it"
        return
    if len(servers) != 1:
        yield "", "is missing or has more than one server", "say once how the data of this source arrives"
        return
    [server] = servers
    for where, message, fix in _server_problems(contract, server, str(kind)):
        yield f"{server['server']}.{where}", message, fix


def _server_problems(contract: Contract, server: Contract, kind: str) -> Iterator[Found]:
    if server["type"] not in {*ARRIVALS, CUSTOM_SERVER}:
        yield "type", f"`{server['type']}` brings no data", f"use one of {', '.join((*ARRIVALS, CUSTOM_SERVER))}"
        return
    way = arrival(server)
    if way is None or (server["type"] == CUSTOM_SERVER and way not in CUSTOM_ARRIVALS):
        yield "arrival", "does not say what brings the data", f"use one of {', '.join(CUSTOM_ARRIVALS)}"
        return
    if way in WITHOUT_SYSTEM:
        fix = "use api, s3, postgresql or mysql, or custom with `arrival: appflow` or `data_exchange`"
        yield "type", f"no system brings what arrives by {way} yet", fix
        return
    if KINDS[way] != kind:
        yield "type", f"what arrives by {way} is no {kind}", f"write `kind: {KINDS[way]}`, or another type of server"
        return
    yield from _property_names(server, way)
    yield from _problems_of_way(contract, server, way)


def _problems_of_way(contract: Contract, server: Contract, way: Arrival) -> Iterator[Found]:
    if way is Arrival.HTTP:
        yield from _fixed(server, {"server": "collector", "location": _door(contract)})
        yield from signature_problems(server, is_hook="webhook" in custom_properties(contract))
    elif way is Arrival.FILES:
        folder = f"s3://${{landing.bucket}}/{contract['name']}/"
        yield from _fixed(server, {"server": "landing", "location": folder})
    elif way is Arrival.JDBC:
        yield from _jdbc_problems(contract, server)
    elif way is Arrival.DATA_EXCHANGE:
        yield from _exchange_problems(contract, server)
    elif way is Arrival.APPFLOW:
        if not CONNECTION.fullmatch(server["server"]):
            yield "server", f"`{server['server']}` is no name of a connection", "use small letters, digits, underscores"
        yield from flow_problems(contract, server)


def _door(contract: Contract) -> str:
    return f"{HOOKS}{contract['name']}" if "webhook" in custom_properties(contract) else COLLECTOR


def _property_names(server: Contract, way: Arrival) -> Iterator[Found]:
    allowed = PROPERTIES.get(way, ())
    said = custom_properties(server)
    for name in said:
        if name not in allowed:
            fix = f"use one of {', '.join(allowed)}" if allowed else "remove it"
            yield name, "is unknown", fix
    for name in allowed:
        if name not in said and name not in OPTIONAL:
            yield name, "is missing", f"a server that is read over {way} needs it"


def _fixed(server: Contract, values: Mapping[str, str]) -> Iterator[Found]:
    for name, value in values.items():
        if server.get(name) != value:
            yield name, f"`{server.get(name)}` is not where the system looks", f"write `{value}`"


def _jdbc_problems(contract: Contract, server: Contract) -> Iterator[Found]:
    name, said = server["server"], custom_properties(server)
    if not CONNECTION.fullmatch(name):
        yield "server", f"`{name}` is no name of a connection", "use small letters, digits and underscores"
    yield from _fixed(server, {part: f"${{{name}.{part}}}" for part in ("host", "port")})
    named = {part: server.get(part) for part in ("database", "schema") if part in server}
    for part, value in {**named, "table": said.get("table", "t")}.items():
        if not isinstance(value, str) or not SQL_NAME.fullmatch(value):
            yield part, f"`{value}` is no plain SQL name", "use letters, digits and underscores; make a view otherwise"
    for part, (least, most) in RANGES.items():
        if part in said and (type(said[part]) is not int or not least <= said[part] <= most):
            yield part, f"`{said[part]}` is out of range", f"use a whole number from {least} to {most}"
    for part in custom_properties(contract).get("fileFormat", {}):
        if part != "zone":
            # The job writes its files in one form, whatever the contract says.
            yield f"fileFormat.{part}", "means nothing for rows of a database", "keep `zone` alone, or remove it"
    yield from _column_problems(contract, said)
    yield from _pace_problems(contract, said)


def _exchange_problems(contract: Contract, server: Contract) -> Iterator[Found]:
    said = custom_properties(server)
    yield from _fixed(server, {"server": "data_exchange"})
    if "revisions" in said and said["revisions"] not in list(Revisions):
        fix = f"use one of {', '.join(Revisions)}"
        yield "revisions", f"`{said['revisions']}` does not say which rows a revision has", fix
    joins = said.get("joins")
    if joins is None:
        return
    if not isinstance(joins, Mapping) or not joins or not set(joins) <= set(JoinedBy):
        yield "joins", "does not say by what the rows are joined", f"write a mapping of {', '.join(JoinedBy)}"
        return
    columns = _columns(contract)
    complete = True
    for by, parts in joins.items():
        wanted = JOIN_COLUMNS[JoinedBy(by)]
        if not isinstance(parts, Mapping) or set(parts) != set(wanted):
            complete = False
            yield f"joins.{by}", "does not name the columns of the key", f"write a column for {', '.join(wanted)}"
            continue
        for part, column in parts.items():
            if column not in columns or columns[column].get("logicalType") != "string":
                yield f"joins.{by}.{part}", f"`{column}` is no text column", "name a column of the contract"
    if complete:
        taken = [column["name"] for column in reference_columns(contract) if column["name"] in columns]
        for name in taken:
            yield "", f"`{name}` is a column that the reference table adds", "rename the column of the contract"


def _columns(contract: Contract) -> Mapping[str, Contract]:
    elements = contract.get("schema", [])
    return {field["name"]: field for field in (elements[0].get("properties", []) if elements else [])}


def _column_problems(contract: Contract, said: Contract) -> Iterator[Found]:
    columns = _columns(contract)
    wanted = {
        "incrementalColumn": (("timestamp",), True, "a required timestamp that every change of a row moves forward"),
        "deletedColumn": (("timestamp",), False, "an optional timestamp, for when a row was found to be gone"),
        "partitionColumn": (SPLIT_TYPES, None, f"a column whose type is one of {', '.join(SPLIT_TYPES)}"),
    }
    for part, (types, required, what) in wanted.items():
        if part not in said:
            continue
        column = columns.get(said[part])
        if column is None or column.get("logicalType") not in types:
            yield part, f"`{said[part]}` cannot be that column", f"name {what}"
        elif required is not None and column.get("required") is not required:
            yield part, f"`{said[part]}` is {'not ' if required else ''}required", f"name {what}"
    if said.get("deletedColumn") in {said.get("incrementalColumn"), said.get("partitionColumn")}:
        yield "deletedColumn", "is read from the database, too", "give it a column of its own, which only we fill"
    if ("partitionColumn" in said) != ("partitions" in said):
        yield "partitions", "goes with partitionColumn", "say both, or none to read with one connection"


def _pace_problems(contract: Contract, said: Contract) -> Iterator[Found]:
    seconds, hours = cadence_seconds(contract), said.get("compareHours")
    if seconds < LEAST_INCREMENT_SECONDS or seconds % 60:
        fix = "write a `frequency` of whole minutes, five at least"
        yield "", "the increments follow `slaProperties.frequency`, which is too short", fix
    elif isinstance(hours, int) and hours * 3600 < seconds:
        yield "compareHours", f"`{hours}` is shorter than an increment", "compare at a slower pace than that"
