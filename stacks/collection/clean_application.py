"""The application that turns events into interactions."""

from collections.abc import Mapping

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.names import ConsumerGroup, Property, Stream, TableName, Zone, database_name
from config.collection import CleanSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.flink_application import FlinkApplication, common_properties
from stacks.constructs.grants import (
    look_up_databases,
    put_records,
    read_records,
    read_secret,
    write_objects,
    write_tables,
)
from stacks.shared.platform import Platform

_WRITES = {
    Zone.RAW: (TableName.INTERACTIONS, TableName.DUPLICATES),
    Zone.QUARANTINE: (TableName.REJECTED,),
}


class CleanApplication(FlinkApplication):
    """Validates events by contract, removes duplicates, finds sessions; writes the interactions stream and the lake."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        streams: Mapping[Stream, DataStream],
        buckets: Mapping[Zone, s3.IBucket],
        hash_secret: secretsmanager.ISecret,
        settings: CleanSettings,
        platform: Platform,
    ) -> None:
        properties = common_properties(
            scope,
            platform=platform,
            streams=streams,
            reads=(Stream.EVENTS,),
            writes=(Stream.INTERACTIONS,),
            warehouse=buckets[Zone.RAW],
        )
        properties[Property.LAKE] |= {
            "raw_database": database_name(platform.environment, Zone.RAW),
            "quarantine_database": database_name(platform.environment, Zone.QUARANTINE),
        }
        properties[Property.IDENTITY] = {"hash_secret_arn": hash_secret.secret_arn}
        properties[Property.TUNING] = {
            "state_ttl_hours": str(settings.state_ttl_hours),
            "session_gap_minutes": str(settings.session_gap_minutes),
        }
        super().__init__(
            scope,
            id_,
            name="clean",
            platform=platform,
            streams=streams,
            settings=settings,
            properties=properties,
        )
        read_records(self.role, streams[Stream.EVENTS], ConsumerGroup.CLEAN)
        put_records(self.role, streams[Stream.INTERACTIONS])
        read_secret(self.role, hash_secret)
        look_up_databases(self.role, platform, _WRITES)
        for zone, tables in _WRITES.items():
            write_tables(self.role, platform, zone, tables)
            for table in tables:
                write_objects(self.role, buckets[zone], f"{table}/")
