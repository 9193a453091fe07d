"""Athena's statements in Trino's words."""

import pytest

from twin.emulator.wire import ServiceError
from twin.providers.athena import statements
from twin.providers.athena.statements import Kind, create_table_as, parse

ICEBERG_CTAS = """-- /* {"app": "dbt", "node_id": "model.x"} */
create table "awsdatacatalog"."products"."rfm"
    with (
      table_type='iceberg',
      is_external=false,
      location='s3://b/marts/rfm/1',
      partitioning=ARRAY['day(at)', 'bucket(id, 4)'],
      format='parquet'
    )
    as
      with a as (select 1 as id) select * from a;
"""


def test_dbt_comment_and_semicolon_are_taken_away() -> None:
    assert parse('-- /* {"app": "dbt"} */\n/* more */ select 1 ;\n').sql == "select 1"


def test_iceberg_table_keeps_location_partitions_and_format() -> None:
    statement = parse(ICEBERG_CTAS)
    assert statement.kind is Kind.CTAS
    assert statement.is_iceberg
    assert statement.target == ("awsdatacatalog", "products", "rfm")
    assert create_table_as(statement, "s3://results/tables/1/") == (
        'CREATE TABLE "awsdatacatalog"."products"."rfm" WITH (location = \'s3://b/marts/rfm/1\', '
        "partitioning = ARRAY['day(at)', 'bucket(id, 4)'], format = 'parquet') AS "
        "with a as (select 1 as id) select * from a"
    )


def test_table_of_another_format_goes_to_hive_below_the_results() -> None:
    statement = parse('CREATE TABLE "d"."t"\nWITH(\n    format = \'PARQUET\')\nAS SELECT 1 AS a')
    assert not statement.is_iceberg
    assert create_table_as(statement, "s3://results/tables/1/") == (
        'CREATE TABLE "hive"."d"."t" WITH (external_location = \'s3://results/tables/1/\', format = \'PARQUET\') '
        "AS SELECT 1 AS a"
    )


def test_names_without_a_database_mean_the_one_of_the_query() -> None:
    assert parse("create table t as select 1 as a", database="Products").target == ("hive", "products", "t")
    assert parse("create view v as select 1 as a", database="products").target == ("awsdatacatalog", "products", "v")


def test_views_check_the_rights_of_the_caller() -> None:
    sql = parse('create or replace view "awsdatacatalog"."d"."v" as select 1 as a').sql
    assert sql == 'create or replace view "awsdatacatalog"."d"."v" SECURITY INVOKER AS select 1 as a'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("alter table `d`.`a__ha` rename to `d`.`a`", 'ALTER TABLE "d"."a__ha" RENAME TO "d"."a"'),
        ("DROP TABLE IF EXISTS d.t", 'DROP TABLE IF EXISTS "d"."t"'),
        ("drop view v", 'DROP VIEW "v"'),
        ("create schema if not exists `awsdatacatalog`.`d`", 'CREATE SCHEMA IF NOT EXISTS "awsdatacatalog"."d"'),
        ("optimize d.t rewrite data using bin_pack", 'ALTER TABLE "d"."t" EXECUTE optimize'),
        (
            "vacuum d.t",
            """ALTER TABLE "d"."t" EXECUTE expire_snapshots(retention_threshold => '7d')""",
        ),
        ("SHOW TABLES IN d", 'SHOW TABLES FROM "d"'),
        ("show databases", "SHOW SCHEMAS"),
    ],
)
def test_hive_keywords_become_those_of_the_engine(given: str, expected: str) -> None:
    assert parse(given).sql == expected


def test_unload_gives_its_query_and_its_place() -> None:
    statement = parse("UNLOAD (select ')' as a)\nTO 's3://b/p/'\nWITH (  format='PARQUET'  , compression='snappy')")
    assert statement.kind is Kind.UNLOAD
    assert statement.sql == "select ')' as a"
    assert statement.location == "s3://b/p/"


def test_a_comment_and_what_looks_like_a_keyword_are_no_part_of_the_statement() -> None:
    statement = parse("create table t /* as (1) */ with (format = 'orc') -- AS\n as select 'as', \"with\" from x;;")
    assert statement.properties == {"format": "'orc'"}
    assert statement.query == "select 'as', \"with\" from x"


def test_values_of_properties_may_have_brackets_and_commas() -> None:
    statement = parse("create table t with (partitioned_by = ARRAY['a', 'b)'], bucket_count = 4) as select 1 as a")
    assert statement.properties == {"partitioned_by": "ARRAY['a', 'b)']", "bucket_count": "4"}


def test_a_location_is_read_as_the_text_that_it_is() -> None:
    assert parse("UNLOAD ((select 1)) TO 's3://b/it''s/'").location == "s3://b/it's/"
    assert parse("UNLOAD ((select 1)) TO 's3://b/it''s/'").sql == "(select 1)"


def test_prepared_statements_are_distinguished() -> None:
    assert parse("PREPARE q FROM select ?").target == ("q",)
    assert parse("EXECUTE q USING 'a', 2").sql == "'a', 2"
    assert parse("EXECUTE q").sql == ""
    assert parse("DEALLOCATE PREPARE q").kind is Kind.DEALLOCATE


def test_question_marks_are_filled_by_the_engine() -> None:
    assert (
        statements.execute_immediate("select 'it''s', ?", "'x'")
        == "EXECUTE IMMEDIATE 'select ''it''''s'', ?' USING 'x'"
    )


@pytest.mark.parametrize(
    ("sql", "kind", "statement_type"),
    [
        ("(select 1) union (select 2)", Kind.QUERY, "DML"),
        ("with a as (select 1) select * from a", Kind.QUERY, "DML"),
        ("insert into t values (1)", Kind.WRITE, "DML"),
        ("merge into t using s on (t.a = s.a) when matched then delete", Kind.WRITE, "DML"),
        ("explain select 1", Kind.EXPLAIN, "UTILITY"),
        ("show tables", Kind.LIST, "UTILITY"),
        ("drop table t", Kind.DDL, "DDL"),
    ],
)
def test_statements_have_athenas_types(sql: str, kind: Kind, statement_type: str) -> None:
    statement = parse(sql)
    assert (statement.kind, statement.statement_type) == (kind, statement_type)


@pytest.mark.parametrize(
    "sql",
    [
        "MSCK REPAIR TABLE t",
        "VACUUM t FULL",
        "OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE a = 1",
        "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/p/'",
        "ALTER TABLE t SET TBLPROPERTIES ('a'='b')",
        "SHOW PARTITIONS t",
        "DESCRIBE t",
        "GRANT SELECT ON t TO USER x",
        "CREATE TABLE t WITH (table_type='iceberg', vacuum_min_snapshots_to_keep=10) AS SELECT 1 AS a",
        "CREATE TABLE t WITH (orc_compression='zlib') AS SELECT 1 AS a",
        "UNLOAD (select 1) TO 's3://b/p/' WITH (format='ORC')",
        "DROP DATABASE d CASCADE",
        "CREATE OR REPLACE TABLE t AS SELECT 1 AS a",
        "CREATE TABLE a.b.c.d AS SELECT 1 AS a",
        "CREATE TABLE 'd'.t AS SELECT 1 AS a",
        "CREATE TABLE t WITH (format = ) AS SELECT 1 AS a",
        "UNLOAD () TO 's3://b/p/'",
        "UNLOAD (select 1 TO 's3://b/p/'",
        "UNLOAD (select 1) TO s3",
        "DROP TABLE t -- nor\n u",
        "SHOW TABLES IN d.e",
        "EXECUTE q 1",
        "select 'without an end",
        ";",
        "-- nothing but words",
        "",
    ],
)
def test_statements_that_are_not_supported_are_refused_by_name(sql: str) -> None:
    with pytest.raises(ServiceError, match="does not support this statement") as refused:
        parse(sql)
    assert refused.value.code == "InvalidRequestException"
