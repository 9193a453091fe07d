"""An emulator without our stacks, with only the AWS resources that the `clean` application needs."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import boto3

from c360_core import contracts
from c360_core.names import Property, TableName, Zone, database_name
from c360_core.projections import iceberg_partition_spec, iceberg_schema
from twin.processes.process import free_port, port_is_open, spawn, wait_until
from twin.providers.glue.iceberg_tables import create_iceberg_table
from twin.settings import REGION, TwinSettings, python_of

ENVIRONMENT: Final = "dev"
LAKE: Final = "bench-lake"
SECRET: Final = "hash"  # noqa: S105  # the name of a secret
LAKE_TABLES: Final = (
    (Zone.RAW, TableName.INTERACTIONS),
    (Zone.RAW, TableName.DUPLICATES),
    (Zone.QUARANTINE, TableName.REJECTED),
)


def start(home: Path, cleanup: ExitStack) -> TwinSettings:
    """Start an emulator with the lake's tables and the secret; `cleanup` stops it."""
    settings = TwinSettings(home=home, port=free_port(), environment=ENVIRONMENT)
    variables = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "GATEWAY_PORT": str(settings.port)}
    child = spawn(
        "emulator",
        [str(python_of("twin")), "-m", "ministack"],
        log_path=home / "emulator.log",
        env={**os.environ, **settings.client_environment(), **variables},
        cwd=home,
    )
    cleanup.callback(child.terminate)
    wait_until(lambda: port_is_open(settings.port), child=child, seconds=60)
    store, catalog = client(settings, "s3"), client(settings, "glue")
    store.create_bucket(Bucket=LAKE)
    client(settings, "secretsmanager").create_secret(Name=SECRET, SecretString="0123456789abcdef")
    for zone in {zone for zone, _ in LAKE_TABLES}:
        catalog.create_database(DatabaseInput={"Name": database_name(ENVIRONMENT, zone)})
    for zone, name in LAKE_TABLES:
        create_iceberg_table(
            described(zone, name),
            put_object=lambda bucket, key, body: store.put_object(Bucket=bucket, Key=key, Body=body),
            create_table=lambda request: catalog.create_table(**request),
        )
    return settings


def described(zone: Zone, name: TableName) -> dict[str, Any]:
    """Return a lake table as a template describes it."""
    table = contracts.load().product(name).table
    stated: dict[str, Any] = {"Location": f"s3://{LAKE}/{name}", "Schema": iceberg_schema(table)}
    if spec := iceberg_partition_spec(table):
        stated["PartitionSpec"] = spec
    iceberg = {"MetadataOperation": "CREATE", "Version": "2", "IcebergTableInput": stated}
    return {
        "DatabaseName": database_name(ENVIRONMENT, zone),
        "Name": str(name),
        "OpenTableFormatInput": {"IcebergInput": iceberg},
    }


def property_groups(settings: TwinSettings) -> dict[str, dict[str, str]]:
    """Return the property groups of `clean`, except for the streams."""
    secret = client(settings, "secretsmanager").describe_secret(SecretId=SECRET)["ARN"]
    return {
        Property.LAKE: {
            "warehouse": f"s3://{LAKE}",
            **{f"{zone}_database": database_name(ENVIRONMENT, zone) for zone, _ in LAKE_TABLES},
        },
        Property.IDENTITY: {"hash_secret_arn": secret},
        Property.TUNING: {"state_ttl_hours": "24", "session_gap_minutes": "30"},
    }


def client(settings: TwinSettings, service: str) -> Any:
    """Return a boto3 client of the emulator."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=settings.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # the emulator's fixed credentials
    )
