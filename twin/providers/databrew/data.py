"""What a job reads and writes: files of plain Parquet, through the catalog and on S3."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlparse

import duckdb
import pyarrow
import pyarrow.parquet

from twin.providers.databrew.recipe import quoted, select

Document = Mapping[str, Any]

TABLE: Final = "data_set"
_PARQUET: Final = {"classification": "parquet", "typeOfData": "file"}
_DUCKDB: Final = {"string": "VARCHAR", "bigint": "BIGINT", "int": "INTEGER", "double": "DOUBLE", "boolean": "BOOLEAN"}
_FORMAT: Final = "PARQUET"
_COMPRESSION: Final = {"SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd"}
_KNOWN: Final = {"Location", "Format", "CompressionFormat", "Overwrite"}


class DataError(RuntimeError):
    """Data that cannot be read or written; the message becomes that of the job run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """S3 as a job's role writes it.

    Attributes:
        s3: a client.
        encryption: parameters of each object that is written.
    """

    s3: Any
    encryption: Mapping[str, str]

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, **self.encryption)

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]


def encryption_of(job: Document) -> Mapping[str, str]:
    """Return how a job encrypts what it writes, as parameters of S3."""
    mode = job.get("EncryptionMode")
    if mode == "SSE-KMS":
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": job["EncryptionKeyArn"]}
    return {"ServerSideEncryption": "AES256"} if mode == "SSE-S3" else {}


def read_table(connection: Any, glue: Any, store: Store, source: Document) -> None:
    """Read a table of the catalog into a table of DuckDB.

    Raises:
        DataError: DataBrew does not know the table, or it has no rows.
    """
    name = source["TableName"]
    table = glue.get_table(DatabaseName=source["DatabaseName"], Name=name)["Table"]
    parameters = table.get("Parameters", {})
    if str(parameters.get("table_type", "")).upper() == "ICEBERG":
        raise DataError(f"{name}: DataBrew reads plain files, not Iceberg")
    for key, value in _PARQUET.items():
        if parameters.get(key) != value:
            raise DataError(f"{name}: the table has no property {key} = {value}, by which DataBrew knows it")
    storage = table["StorageDescriptor"]
    place = urlparse(storage["Location"])
    prefix = place.path.strip("/") + "/"
    bodies = [
        store.s3.get_object(Bucket=place.netloc, Key=key)["Body"].read() for key in store.keys(place.netloc, prefix)
    ]
    parts = [pyarrow.parquet.read_table(io.BytesIO(body)) for body in bodies if body]  # it ignores empty files
    if not parts:
        raise DataError(f"{name}: Path does not exist or has no data: {storage['Location']}")
    connection.register("files", pyarrow.concat_tables(parts))
    selected = ", ".join(_column(one, name) for one in storage["Columns"])
    try:
        connection.execute(f"CREATE TEMP TABLE {TABLE} AS {select(selected, 'files')}")
    except duckdb.Error as error:
        raise DataError(f"{name}: {error}") from error
    connection.unregister("files")


def _column(column: Document, table: str) -> str:
    kind = _DUCKDB.get(column["Type"])
    if kind is None:
        raise DataError(f"{table}.{column['Name']}: the laptop twin's DataBrew reads no {column['Type']}")
    return f"CAST({quoted(column['Name'])} AS {kind}) AS {quoted(column['Name'])}"


def write_output(connection: Any, table: str, output: Document, store: Store, job: str) -> None:
    """Write a table of DuckDB where an output of a job says, in place of what is there.

    Raises:
        DataError: the output is of a form that is not carried here.
    """
    if strange := sorted(set(output) - _KNOWN):
        raise DataError(f"the laptop twin's output has no {strange[0]}")
    if output.get("Format") != _FORMAT or not output.get("Overwrite"):
        raise DataError("the laptop twin's DataBrew writes PARQUET with Overwrite, and nothing else")
    compression = _COMPRESSION.get(output.get("CompressionFormat", "SNAPPY"))
    if compression is None:
        raise DataError(f"the laptop twin's output has no CompressionFormat {output['CompressionFormat']}")
    found = connection.execute(select("*", table)).to_arrow_table()
    body = io.BytesIO()
    pyarrow.parquet.write_table(found, body, compression=compression)
    bucket, prefix = output["Location"]["Bucket"], output["Location"].get("Key", "").rstrip("/") + "/"
    for key in store.keys(bucket, prefix):
        store.s3.delete_object(Bucket=bucket, Key=key)
    store.put(bucket, f"{prefix}{job}_part00000.parquet.snappy", body.getvalue())
