"""How protected queries reach their tables: ours in the lake, a partner's in the partner's own account.

Trino sees the lake of one account. So the rows of a partner's table are read with the role of its association and put
into a table that only the engine sees, for the time of the query.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twin.emulator.calls import Require, require_all
from twin.emulator.wire import ServiceError
from twin.engines.trino import ADMIN, CATALOG, SCRATCH_CATALOG, SCRATCH_SCHEMA
from twin.principals import RoleSession
from twin.providers.clean_rooms.rights import reading_calls
from twin.providers.clean_rooms.service import Document, Place
from twin.providers.clean_rooms.sql import Row
from twin.providers.entity_resolution.service import JobError, read_table
from twin.settings import REGION

LOGGER: Final = logging.getLogger("twin.clean_rooms")
_ROWS_OF_A_STATEMENT: Final = 500
_TYPES: Final = {"string": "varchar", "int": "integer"}

Clients = Callable[[str, Mapping[str, str]], Any]


class TwinReader:
    """Reads tables under roles, and runs statements on Trino.

    Args:
        account: whose lake Trino sees.
        assume: opens a session of a role, for a membership that is acted for.
        require: checks a call of a role.
        clients: gives a boto3 client of the emulator for a service and credentials.
        owner: gives a client of the emulator in an account, as its owner.
        connect: opens a connection to Trino as a user.
        user_of: gives Trino's user for a principal.
        before_query: brings Trino's rules up to date for a user.
    """

    def __init__(  # each thing that it uses has a name
        self,
        *,
        account: str,
        assume: Callable[[str], RoleSession],
        require: Require,
        clients: Clients,
        owner: Callable[[str, str], Any],
        connect: Callable[[str], Any],
        user_of: Callable[[str], str],
        before_query: Callable[[str], None],
    ) -> None:
        self._account, self._assume, self._require = account, assume, require
        self._clients, self._owner, self._connect = clients, owner, connect
        self._user_of, self._before_query = user_of, before_query

    def columns(self, account: str, database: str, table: str) -> Sequence[str]:
        """Return the columns of a table of a catalog, and of its partitions."""
        found = self._table(self._owner("glue", account), database, table)
        described = [*found["StorageDescriptor"]["Columns"], *found.get("PartitionKeys", ())]
        return [str(one["Name"]) for one in described]

    def open(self, place: Place) -> str:
        """Return where Trino finds a table, after its role was seen to be allowed to read it."""
        session = self._assume(place.role_arn)
        if place.account != self._account:
            return self._copied(place, session)
        table = self._table(self._owner("glue", place.account), place.database, place.table)
        location = str(table["StorageDescriptor"]["Location"])
        require_all(session.arn, reading_calls(place.account, place.database, place.table, location), self._require)
        source = f'"{CATALOG}"."{place.database}"."{place.table}"'
        user = self._user_of(session.arn)
        self._before_query(user)
        # Lake Formation's grants are the engine's rules: the role must see the table itself.
        self._run(f"SELECT * FROM {source} LIMIT 0", user)  # noqa: S608  # names of the template
        return source

    def run(self, sql: str) -> Sequence[Row]:
        """Return Trino's answer to a plan, whose tables were opened before."""
        return self._run(sql, ADMIN)

    def close(self, source: str) -> None:
        """Drop a copy of a partner's table."""
        if source.startswith(f'"{SCRATCH_CATALOG}"'):
            self._run(f"DROP TABLE IF EXISTS {source}", ADMIN)

    def write(self, role_arn: str, bucket: str, key: str, body: bytes) -> None:
        """Write a result under the role of whoever receives it."""
        session = self._assume(role_arn)
        self._clients("s3", session.variables()).put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/csv")

    def log(self, account: str, membership: str, entry: Document) -> None:
        """Add to the member's log group, which Clean Rooms makes in the member's account."""
        logs, group = self._owner("logs", account), f"/aws/cleanrooms/{membership}"
        for make, name in (
            (logs.create_log_group, {"logGroupName": group}),
            (logs.create_log_stream, {"logGroupName": group, "logStreamName": "queries"}),
        ):
            try:
                make(**name)
            except logs.exceptions.ResourceAlreadyExistsException:
                LOGGER.debug("%s is there already", name)
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(entry)}
        logs.put_log_events(logGroupName=group, logStreamName="queries", logEvents=[event])

    def _table(self, glue: Any, database: str, table: str) -> Document:
        try:
            found: Document = glue.get_table(DatabaseName=database, Name=table)["Table"]
        except glue.exceptions.EntityNotFoundException:
            raise ServiceError("ResourceNotFoundException", f"there is no table {database}.{table}", 404) from None
        return found

    def _copied(self, place: Place, session: RoleSession) -> str:
        """Put the rows of a partner's table where the engine sees them."""
        glue, s3 = (self._clients(one, session.variables()) for one in ("glue", "s3"))
        described = self._table(glue, place.database, place.table)["StorageDescriptor"]["Columns"]
        types = {str(one["Name"]).lower(): _type(str(one["Type"])) for one in described}
        try:
            arn = f"arn:aws:glue:{REGION}:{place.account}:table/{place.database}/{place.table}"
            rows = list(read_table(glue, s3, arn))
        except JobError as error:
            raise ServiceError("ValidationException", str(error)) from None
        source = f'"{SCRATCH_CATALOG}"."{SCRATCH_SCHEMA}"."room_{uuid.uuid4().hex}"'
        declared = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
        self._run(f"CREATE TABLE {source} ({declared})", ADMIN)
        for start in range(0, len(rows), _ROWS_OF_A_STATEMENT):
            values = ", ".join(_values(row, types) for row in rows[start : start + _ROWS_OF_A_STATEMENT])
            self._run(f"INSERT INTO {source} VALUES {values}", ADMIN)  # noqa: S608  # quoted literals
        return source

    def _run(self, sql: str, user: str) -> Sequence[Row]:
        connection = self._connect(user)
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            rows: Sequence[Row] = cursor.fetchall()
            return rows
        finally:
            cursor.close()
            connection.close()


def _type(hive: str) -> str:
    return _TYPES.get(hive.lower(), hive.lower())


def _values(row: Mapping[str, str | None], types: Mapping[str, str]) -> str:
    named = {name.lower(): value for name, value in row.items()}
    parts = (f"CAST({_literal(named.get(name))} AS {kind})" for name, kind in types.items())
    return f"({', '.join(parts)})"


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"
