"""What the emulator's Glue lacks: table versions, partition filters, and Iceberg tables made by a template.

`install()` puts the parts in place inside the emulator's process. MiniStack's GetPartitions ignores `Expression`, which
is dangerous: a client that asks for one partition in order to replace it would delete them all.
"""

import copy
import json
from collections.abc import Callable
from typing import Any, Final

from twin.providers.glue.errors import CatalogError
from twin.providers.glue.filters import matches
from twin.providers.glue.iceberg_tables import create_iceberg_table, evolve_iceberg_table, table_name

Document = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

TABLE_TYPE: Final = "AWS::Glue::Table"
VIEW: Final = "VIRTUAL_VIEW"
STORAGE_OF_VIEWS: Final = {
    "Location": "",
    "Compressed": False,
    "NumberOfBuckets": 0,
    "SerdeInfo": {},
    "SortColumns": [],
    "StoredAsSubDirectories": False,
}


class GlueAdditions:
    """The operations that MiniStack's Glue lacks, on its own state.

    Args:
        glue: MiniStack's module `ministack.services.glue`.
    """

    def __init__(self, glue: Any) -> None:
        self._glue = glue
        self._versions: dict[tuple[str, str], list[Document]] = {}
        self._update_table = glue._update_table
        self._create_table = glue._create_table
        self._delete_table = glue._delete_table

    def operations(self) -> dict[str, Callable[[Document], Response]]:
        """The handlers by action."""
        return {
            "GetPartitions": self.get_partitions,
            "BatchDeletePartition": self.batch_delete_partition,
            "GetTableVersions": self.get_table_versions,
            "GetTableVersion": self.get_table_version,
            "DeleteTableVersion": self.delete_table_version,
            "BatchDeleteTableVersion": self.batch_delete_table_version,
        }

    def update_table(self, data: Document) -> Response:
        """UpdateTable that keeps the version which it replaces, unless the request says not to."""
        key = _table_key(data, data.get("TableInput", {}).get("Name"))
        before = copy.deepcopy(self._glue._tables.get("/".join(key)))
        answer: Response = self._update_table(_with_storage_of_views(data))
        if before is not None and answer[0] == 200 and not data.get("SkipArchive"):  # noqa: PLR2004
            self._versions.setdefault(key, []).append(before)
        return answer

    def create_table(self, data: Document) -> Response:
        """CreateTable; a new table has no past, even under a name that was used before."""
        answer: Response = self._create_table(_with_storage_of_views(data))
        if answer[0] == 200:  # noqa: PLR2004
            self._versions.pop(_table_key(data, data.get("TableInput", {}).get("Name")), None)
        return answer

    def get_table_versions(self, data: Document) -> Response:
        """All versions of a table, newest first."""
        versions = [{"Table": table, "VersionId": table["VersionId"]} for table in self._all_versions(data)]
        return _answer({"TableVersions": versions})

    def get_table_version(self, data: Document) -> Response:
        """One version of a table, the current one when none is named."""
        found = self._all_versions(data)
        wanted = data.get("VersionId") or found[0]["VersionId"]
        for table in found:
            if table["VersionId"] == wanted:
                return _answer({"TableVersion": {"Table": table, "VersionId": wanted}})
        raise CatalogError("EntityNotFoundException", f"version {wanted} of {data['TableName']} not found")

    def delete_table_version(self, data: Document) -> Response:
        """Forget an earlier version; the current one cannot be deleted."""
        self._forget(data, str(data["VersionId"]))
        return _answer({})

    def batch_delete_table_version(self, data: Document) -> Response:
        """Forget several earlier versions; what cannot be deleted is listed."""
        errors = []
        for version in data["VersionIds"]:
            try:
                self._forget(data, str(version))
            except CatalogError as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": str(error)}
                errors.append({"TableName": data["TableName"], "VersionId": version, "ErrorDetail": detail})
        return _answer({"Errors": errors})

    def get_partitions(self, data: Document) -> Response:
        """GetPartitions with its filter."""
        table = self._table(data)
        found = self._glue._partitions.get("/".join(_table_key(data)), [])
        expression = (data.get("Expression") or "").strip()
        if expression:
            keys = table.get("PartitionKeys") or []
            found = [partition for partition in found if matches(expression, keys, partition.get("Values", []))]
        start = int(data.get("NextToken") or 0)
        end = start + int(data.get("MaxResults") or len(found) or 1)
        following = {"NextToken": str(end)} if end < len(found) else {}
        return _answer({"Partitions": found[start:end], **following})

    def batch_delete_partition(self, data: Document) -> Response:
        """Delete partitions by their values; those that are not there are listed."""
        self._table(data)
        errors = []
        for wanted in data["PartitionsToDelete"]:
            request = {**_names(data), "PartitionValues": wanted["Values"]}
            if self._glue._get_partition(request)[0] != 200:  # noqa: PLR2004
                detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."}
                errors.append({"PartitionValues": wanted["Values"], "ErrorDetail": detail})
                continue
            self._glue._delete_partition(request)
        return _answer({"Errors": errors})

    def _table(self, data: Document) -> Document:
        found: Document | None = self._glue._tables.get("/".join(_table_key(data)))
        if found is None:
            raise CatalogError("EntityNotFoundException", f"Table {data['TableName']} not found.")
        return found

    def _all_versions(self, data: Document) -> list[Document]:
        earlier = self._versions.get(_table_key(data), [])
        return [self._table(data), *reversed(earlier)]

    def _forget(self, data: Document, version: str) -> None:
        if version == self._table(data)["VersionId"]:
            raise CatalogError("InvalidInputException", f"version {version} is the current one and stays")
        earlier = self._versions.get(_table_key(data), [])
        kept = [table for table in earlier if table["VersionId"] != version]
        if len(kept) == len(earlier):
            raise CatalogError("EntityNotFoundException", f"version {version} of {data['TableName']} not found")
        self._versions[_table_key(data)] = kept


def install() -> GlueAdditions:
    """Put the additions into the emulator that runs in this process, before it serves its first request.

    Glue's missing operations become available; `table_handlers` lets CloudFormation make Iceberg tables.
    """
    from ministack.services import glue

    additions = GlueAdditions(glue)
    dispatch = glue._handle_request_sync
    operations = additions.operations()

    def handle(method: str, path: str, headers: Document, body: bytes, query: Document) -> Response:
        action = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        if action not in operations:
            answer: Response = dispatch(method, path, headers, body, query)
            return answer
        try:
            return operations[action](json.loads(body or b"{}"))
        except CatalogError as error:
            return _answer({"__type": error.code, "Message": str(error)}, 400)

    glue._handle_request_sync = handle
    glue._update_table = additions.update_table
    glue._create_table = additions.create_table
    return additions


def table_handlers(emulator: Document, glue: Any) -> Document:
    """Return the CloudFormation handlers of AWS::Glue::Table.

    A table with OpenTableFormatInput becomes a real Iceberg table; other tables stay with the emulator.
    """

    def create(logical_id: str, properties: Document, stack: str) -> tuple[str, Document]:
        if "OpenTableFormatInput" not in properties:
            made: tuple[str, Document] = emulator["create"](logical_id, properties, stack)
            return made
        return create_iceberg_table(properties, put_object=_put_object, create_table=_caller(glue._create_table)), {}

    def update(physical_id: str, old: Document, new: Document, stack: str, *rest: Any, **named: Any) -> Any:
        if "OpenTableFormatInput" not in new:
            return emulator["update"](physical_id, old, new, stack, *rest, **named)
        if old != new:
            evolve_iceberg_table(
                new,
                entry=_entry(glue, old),
                get_object=_get_object,
                put_object=_put_object,
                update_table=_caller(glue._update_table),
            )
        return physical_id, {}

    return {**emulator, "create": create, "update": update}


def _entry(glue: Any, properties: Document) -> Document:
    name = table_name(properties)
    found: Document | None = glue._tables.get("/".join(_table_key(properties, name)))
    if found is None:
        raise CatalogError("EntityNotFoundException", f"Table {name} not found.")
    return found


def _caller(operation: Callable[[Document], Response]) -> Callable[[Document], None]:
    def call(request: Document) -> None:
        status, _, body = operation(request)
        if status >= 400:  # noqa: PLR2004
            answer = json.loads(body)
            raise CatalogError(str(answer.get("__type", "InternalServiceException")), str(answer.get("message", body)))

    return call


def _get_object(bucket: str, key: str) -> bytes:
    from ministack.services import s3

    status, _, body = s3._get_object(bucket, key, {})
    if status >= 400:  # noqa: PLR2004
        raise CatalogError("InvalidInputException", f"s3://{bucket}/{key} cannot be read: {body[:300]!r}")
    return bytes(body)


def _put_object(bucket: str, key: str, body: bytes) -> None:
    """Write into the emulator's own S3, in its process: a request over HTTP would wait for itself."""
    from ministack.services import s3

    status, _, answer = s3._put_object(bucket, key, body, {"content-type": "application/json"})
    if status >= 400:  # noqa: PLR2004
        raise CatalogError("InvalidInputException", f"s3://{bucket}/{key} cannot be written: {answer[:300]!r}")


def _with_storage_of_views(data: Document) -> Document:
    """The request as Athena makes it for a view: with an empty storage descriptor.

    Trino leaves it out, but Athena's clients read it of every table and of its earlier versions.
    """
    table = data.get("TableInput", {})
    if table.get("TableType") != VIEW:
        return data
    return {
        **data,
        "TableInput": {**table, "StorageDescriptor": {**STORAGE_OF_VIEWS, **table.get("StorageDescriptor", {})}},
    }


def _table_key(data: Document, name: str | None = None) -> tuple[str, str]:
    return str(data.get("DatabaseName")), str(name or data.get("TableName"))


def _names(data: Document) -> Document:
    return {"DatabaseName": data["DatabaseName"], "TableName": data["TableName"]}


def _answer(document: Document, status: int = 200) -> Response:
    content = {"Content-Type": "application/x-amz-json-1.1"}
    return status, content, json.dumps(document, default=str).encode()
