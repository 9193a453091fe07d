"""A database behind a Glue connection, read by Spark over JDBC.

The connection has the address, its secret the account: `username`, `password`, and `certificate`, the certificate of
the authority that signed the server's, in PEM. Every connection is encrypted, and the server has to prove its name.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession

from c360_core.digests import digest
from c360_core.names import DatabaseEngine
from glue_jobs.shared import aws

FETCH_ROWS: Final = "5000"  # held per reader; without it a driver holds the whole result
QUERY_SECONDS: Final = "3600"
TRUST_STORE_PASSWORD: Final = "changeit"  # noqa: S105  # guards nothing: the store holds one public certificate
WITHOUT_ZONE: Final = ("timestamp without time zone", "datetime")
MAX_CAUSE_LENGTH: Final = 300


class DatabaseError(RuntimeError):
    """A database could not be read; the message names the source, the connection, the cause and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a database is and who reads it.

    Attributes:
        connection: name of the Glue connection.
        url: JDBC URL, without account.
        user: name of the user.
        password: its password.
        certificate: PEM of the authority that the server's certificate comes from; None: one that Java knows.
    """

    connection: str
    url: str
    user: str
    password: str = field(repr=False)
    certificate: str | None = None


def account(connection: str) -> Account:
    """Read a connection and its secret.

    Raises:
        DatabaseError: the secret lacks the user or the password.
    """
    found = aws.client("glue").get_connection(Name=connection, HidePassword=True)["Connection"]
    properties = found["ConnectionProperties"]
    secret = properties["SECRET_ID"]
    values = json.loads(aws.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    missing = [name for name in ("username", "password") if not values.get(name)]
    if missing:
        raise DatabaseError(f"connection {connection}: its secret {secret} has no {' and no '.join(missing)}; add it")
    return Account(
        connection=connection,
        url=properties["JDBC_CONNECTION_URL"],
        user=values["username"],
        password=values["password"],
        certificate=values.get("certificate"),
    )


class Dialect(Protocol):
    """What differs between the engines."""

    driver: str

    def quoted(self, name: str) -> str:
        """Return a name as the engine quotes it."""
        ...

    def moment(self, at: datetime, zone: str | None) -> str:
        """Return a literal of a time; `zone` is that of a column without one, None of a column with one."""
        ...

    def column(self, name: str, *, zoned: bool) -> str:
        """Return what is selected for a column; a time without zone as if it were UTC."""
        ...

    def options(self, spark: SparkSession, account: Account) -> Mapping[str, str]:
        """Return the driver's options, those of encryption among them."""
        ...


class PostgreSql:
    """PostgreSQL, with the driver that Glue ships."""

    driver = "org.postgresql.Driver"

    def quoted(self, name: str) -> str:
        """Return a name as the engine quotes it."""
        return f'"{name}"'

    def moment(self, at: datetime, zone: str | None) -> str:
        """Return a literal of a time."""
        return f"TIMESTAMP '{_local(at, zone)}'" if zone else f"TIMESTAMPTZ '{_local(at, None)}+00'"

    def column(self, name: str, *, zoned: bool) -> str:
        """Return what is selected for a column."""
        quoted = self.quoted(name)
        return quoted if zoned else f"({quoted} AT TIME ZONE 'UTC') AS {quoted}"

    def options(self, spark: SparkSession, account: Account) -> Mapping[str, str]:  # noqa: ARG002  # as the protocol
        """Return the options; the driver takes the authority's certificate as a text, which needs no file anywhere."""
        factory = (
            {"sslfactory": "org.postgresql.ssl.DefaultJavaSSLFactory"}
            if account.certificate is None
            else {
                "sslfactory": "org.postgresql.ssl.SingleCertValidatingFactory",
                "sslfactoryarg": account.certificate,
            }
        )
        return {"sslmode": "verify-full", "sessionInitStatement": "SET TIME ZONE 'UTC'", **factory}


class MySql:
    """MySQL and what speaks its protocol, with the driver that Glue ships."""

    driver = "com.mysql.cj.jdbc.Driver"

    def quoted(self, name: str) -> str:
        """Return a name as the engine quotes it."""
        return f"`{name}`"

    def moment(self, at: datetime, zone: str | None) -> str:
        """Return a literal of a time; the session is in UTC."""
        return f"TIMESTAMP '{_local(at, zone)}'"

    def column(self, name: str, *, zoned: bool) -> str:  # noqa: ARG002  # the driver reads both as if they were UTC
        """Return what is selected for a column."""
        return self.quoted(name)

    def options(self, spark: SparkSession, account: Account) -> Mapping[str, str]:
        """Return the options; the driver wants a trust store that every reader finds in its working folder."""
        trust = {} if account.certificate is None else _trust_store(spark, account.certificate)
        return {
            "sslMode": "VERIFY_IDENTITY",
            "connectionTimeZone": "UTC",
            "forceConnectionTimeZoneToSession": "true",
            "useCursorFetch": "true",  # or the driver ignores the number of rows to fetch
            "tinyInt1isBit": "true",
            **trust,
        }


DIALECTS: Final[Mapping[DatabaseEngine, Dialect]] = {
    DatabaseEngine.POSTGRESQL: PostgreSql(),
    DatabaseEngine.MYSQL: MySql(),
}


class Database:
    """Runs queries on a database; every error names the source that waits for it."""

    def __init__(self, spark: SparkSession, account: Account, engine: DatabaseEngine, *, source: str) -> None:
        self._spark, self._account, self._source = spark, account, source
        self.dialect = DIALECTS[engine]
        self._options = {
            "url": account.url,
            "driver": self.dialect.driver,
            "user": account.user,
            "password": account.password,
            "fetchsize": FETCH_ROWS,
            "queryTimeout": QUERY_SECONDS,
            **self.dialect.options(spark, account),
        }

    def query(self, sql: str, *, parts: Sequence[str] = ()) -> DataFrame:
        """Return the result of a query.

        Args:
            sql: the query.
            parts: conditions on its result that divide it; each is read with a connection of its own.

        Raises:
            DatabaseError: the database cannot be reached, or refuses.
        """
        table = f"({sql}) q"
        with self.explained():
            if not parts:
                return self._spark.read.format("jdbc").options(**self._options, dbtable=table).load()
            options = {name: value for name, value in self._options.items() if name != "url"}
            return self._spark.read.jdbc(self._account.url, table, predicates=list(parts), properties=options)

    @contextmanager
    def explained(self) -> Any:
        """Turn the errors of the driver into ours."""
        try:
            yield
        except Py4JJavaError as error:
            raise DatabaseError(self._explain(error)) from error

    def _explain(self, error: Py4JJavaError) -> str:
        place = urlsplit(self._account.url.removeprefix("jdbc:"))
        where = f"{place.hostname}:{place.port}{place.path}"
        return (
            f"source {self._source}: the database {where} of connection {self._account.connection} cannot be read: "
            f"{_cause(error.java_exception)[:MAX_CAUSE_LENGTH]}. Check that it runs, that the connection's subnet and "
            f"security group reach it, and that its secret has a user who may read; nothing is skipped: the next run "
            f"begins where the last one ended"
        )


def _cause(error: Any) -> str:
    """Return the innermost message; the outer ones say that a stage failed."""
    text = ""
    while error is not None:
        text = str(error.getMessage() or text)
        error = error.getCause()
    return " ".join(text.split("\n\tat ")[0].split())


def _local(at: datetime, zone: str | None) -> str:
    return at.astimezone(ZoneInfo(zone) if zone else UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def moment_of(micros: int) -> datetime:
    """Return a time from microseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _trust_store(spark: SparkSession, certificate: str) -> dict[str, str]:
    """Write a trust store into the working folder of the driver and of every executor; return the driver's options."""
    java: Any = spark.sparkContext._jvm  # Spark's own way to Java
    stream = java.java.io.ByteArrayInputStream(certificate.encode())
    authority = java.java.security.cert.CertificateFactory.getInstance("X.509").generateCertificate(stream)
    store = java.java.security.KeyStore.getInstance("PKCS12")
    store.load(None, None)
    store.setCertificateEntry("authority", authority)
    file = Path(f"c360-trust-{digest(certificate)}.p12")
    password = spark.sparkContext._gateway.new_array(java.char, len(TRUST_STORE_PASSWORD))
    for place, letter in enumerate(TRUST_STORE_PASSWORD):
        password[place] = letter
    output = java.java.io.FileOutputStream(str(file))
    try:
        store.store(output, password)
    finally:
        output.close()
    spark.sparkContext.addFile(os.path.abspath(file))  # noqa: PTH100  # where this process has it
    return {
        "trustCertificateKeyStoreUrl": f"file:{file}",
        "trustCertificateKeyStoreType": "PKCS12",
        "trustCertificateKeyStorePassword": TRUST_STORE_PASSWORD,
    }
