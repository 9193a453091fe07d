"""The application that turns interactions into profiles."""

from collections.abc import Mapping

from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import ConsumerGroup, Property, Stream, TableName, Zone, database_name
from config.unification import UnifySettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.flink_application import FlinkApplication, common_properties
from stacks.constructs.grants import (
    look_up_databases,
    put_records,
    read_objects,
    read_records,
    read_tables,
    write_objects,
    write_tables,
)
from stacks.shared.platform import Platform

_READS = (Stream.INTERACTIONS, Stream.IDENTITY_CHANGES)
# The lake's copy of past records: without a snapshot the application starts from these tables.
PAST = {
    Zone.RAW: TableName.INTERACTIONS,
    Zone.CURATED: TableName.LATEST_IDENTITY_CHANGES,
}
_WRITES = {
    Zone.CURATED: (TableName.PROFILES, TableName.SEGMENT_MEMBERSHIP),
    Zone.QUARANTINE: (TableName.REJECTED,),
}


class UnifyApplication(FlinkApplication):
    """Assigns interactions to people, keeps their aggregates and segments, and publishes profile changes.

    A record that it cannot read goes to quarantine. Without a snapshot it reads past records from the lake.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        streams: Mapping[Stream, DataStream],
        buckets: Mapping[Zone, s3.IBucket],
        settings: UnifySettings,
        timeline_ttl_days: int,
        platform: Platform,
    ) -> None:
        properties = common_properties(
            scope,
            platform=platform,
            streams=streams,
            reads=_READS,
            writes=(Stream.PROFILE_CHANGES,),
            warehouse=buckets[Zone.CURATED],
        )
        properties[Property.LAKE] |= {
            f"{zone}_database": database_name(platform.environment, zone) for zone in (*PAST, *_WRITES)
        }
        properties[Property.TUNING] = {
            "deduplication_days": str(settings.deduplication_days),
            "timeline_ttl_days": str(timeline_ttl_days),
        }
        super().__init__(
            scope,
            id_,
            name="unify",
            platform=platform,
            streams=streams,
            settings=settings,
            properties=properties,
        )
        for name in _READS:
            read_records(self.role, streams[name], ConsumerGroup.UNIFY)
        put_records(self.role, streams[Stream.PROFILE_CHANGES])
        look_up_databases(self.role, platform, (*PAST, *_WRITES))
        for zone, table in PAST.items():
            read_tables(self.role, platform, zone, (table,))
            read_objects(self.role, buckets[zone], f"{table}/")
        for zone, tables in _WRITES.items():
            write_tables(self.role, platform, zone, tables)
            for table in tables:
                write_objects(self.role, buckets[zone], f"{table}/")
