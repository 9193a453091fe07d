"""One definition of columns, two providers of streams."""

import pytest

from c360_core import contracts
from c360_core.names import Stream, Zone
from flink_apps.clean.tables import events_table, interactions_table
from flink_apps.shared.properties import LakeSettings, PropertyError, StreamProperties, StreamProvider
from flink_apps.shared.tables import contract_columns, create_table, lake_catalog, lake_table

KINESIS = StreamProperties(
    provider=StreamProvider.KINESIS,
    region="eu-central-1",
    names={Stream.EVENTS: "c360-dev-events", Stream.INTERACTIONS: "c360-dev-interactions"},
    arns={Stream.EVENTS: "arn:events", Stream.INTERACTIONS: "arn:interactions"},
)
KAFKA = StreamProperties(
    provider=StreamProvider.KAFKA,
    region="eu-central-1",
    names={Stream.EVENTS: "c360-dev-events", Stream.INTERACTIONS: "c360-dev-interactions"},
    arns={},
    bootstrap_servers="b-1:9098",
)


class TestSources:
    def test_kinesis_reads_the_stream_by_its_arn_from_its_beginning(self):
        assert events_table(KINESIS) == (
            "CREATE TEMPORARY TABLE `events` (\n"
            "  `body` BYTES,\n"
            "  `arrived_at` AS PROCTIME()\n"
            ") WITH (\n"
            "  'connector' = 'kinesis',\n"
            "  'stream.arn' = 'arn:events',\n"
            "  'aws.region' = 'eu-central-1',\n"
            "  'source.init.position' = 'TRIM_HORIZON',\n"
            "  'source.shard.discovery.interval' = '2 s',\n"
            "  'source.reader.empty-records-fetch-interval' = '250 ms',\n"
            "  'format' = 'raw',\n"
            "  'raw.charset' = 'UTF-8'\n"
            ")"
        )

    def test_kafka_reads_the_topic_of_the_same_name_from_its_beginning(self):
        text = events_table(KAFKA)
        for option in (
            "'connector' = 'kafka'",
            "'topic' = 'c360-dev-events'",
            "'properties.bootstrap.servers' = 'b-1:9098'",
            "'properties.group.id' = 'c360-clean'",
            "'scan.startup.mode' = 'earliest-offset'",
            "'format' = 'raw'",
        ):
            assert option in text

    def test_a_stream_that_is_not_configured_is_named(self):
        nothing = StreamProperties(provider=StreamProvider.KINESIS, region="r", names={}, arns={})
        with pytest.raises(PropertyError, match="property group `streams` lacks `events_arn`"):
            events_table(nothing)

    def test_msk_is_entered_by_iam(self):
        text = events_table(
            StreamProperties(
                provider=StreamProvider.KAFKA,
                region="r",
                names=KAFKA.names,
                arns={},
                bootstrap_servers="b",
                security_protocol="SASL_SSL",
            )
        )
        assert "'properties.sasl.mechanism' = 'AWS_MSK_IAM'" in text
        assert "'properties.security.protocol' = 'SASL_SSL'" in text


class TestSinks:
    def test_both_providers_have_the_same_columns_and_none_of_the_lake(self):
        columns = [text.partition(") ")[0] for text in (interactions_table(KINESIS), interactions_table(KAFKA))]
        assert columns[0] == columns[1]
        assert "`identifiers`" not in columns[0]
        assert "`occurred_at` TIMESTAMP_LTZ(3)" in columns[0]
        assert "`amount` DECIMAL(14, 2)" in columns[0]

    def test_kinesis_is_partitioned_by_the_customer_and_has_one_request_under_way(self):
        text = interactions_table(KINESIS)
        assert ") PARTITIONED BY (`customer_key`) WITH (" in text
        assert "'sink.requests.max-inflight' = '1'" in text

    def test_kafka_is_keyed_by_the_customer_at_least_once(self):
        text = interactions_table(KAFKA)
        for option in (
            "'key.format' = 'raw'",
            "'key.fields' = 'customer_key'",
            "'value.format' = 'json'",
            "'value.json.timestamp-format.standard' = 'ISO-8601'",
            "'value.json.encode.decimal-as-plain-number' = 'true'",
            "'sink.delivery-guarantee' = 'at-least-once'",
        ):
            assert option in text


class TestLake:
    LAKE = LakeSettings(warehouse="s3://raw", databases={Zone.RAW: "c360_dev_raw"})

    def test_the_catalog_is_glue_with_files_through_s3(self):
        text = lake_catalog(self.LAKE, endpoint=None)
        assert "'catalog-impl' = 'org.apache.iceberg.aws.glue.GlueCatalog'" in text
        assert "'io-impl' = 'org.apache.iceberg.aws.s3.S3FileIO'" in text
        assert "endpoint" not in text

    def test_another_address_is_used_only_where_there_is_one(self):
        text = lake_catalog(self.LAKE, endpoint="http://localhost:1")
        assert "'s3.endpoint' = 'http://localhost:1'" in text
        assert "'glue.endpoint' = 'http://localhost:1'" in text

    def test_names_are_quoted(self):
        assert lake_table("c360_dev_raw", "interactions") == "`glue_catalog`.`c360_dev_raw`.`interactions`"

    def test_a_quote_in_an_option_stays_inside_it(self):
        assert "'path' = 'it''s'" in create_table("t", [("a", "INT")], options={"path": "it's"})

    def test_the_lake_has_the_columns_that_the_stream_has_not(self):
        table = contracts.load().product("interactions").table
        stream, lake = contract_columns(table), contract_columns(table, lake=True)
        assert {name for name, _ in lake} - {name for name, _ in stream} == {"identifiers"}
