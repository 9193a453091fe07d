"""Redshift's statements in PostgreSQL's words; what does not mean the same in both is refused by name."""

import pytest

from twin.emulator.wire import ServiceError
from twin.providers.redshift.statements import Kind, translate


@pytest.mark.parametrize(
    ("redshift", "postgresql"),
    [
        (
            "CREATE TABLE t (a INT ENCODE zstd, b DATE) DISTKEY (a) SORTKEY (b);",
            "CREATE TABLE t (a INT, b DATE)",
        ),
        ("CREATE TABLE t (a INT) DISTSTYLE ALL COMPOUND SORTKEY (a)", "CREATE TABLE t (a INT)"),
        (
            "CREATE MATERIALIZED VIEW v AUTO REFRESH NO AS SELECT a FROM t",
            "CREATE MATERIALIZED VIEW v AS SELECT a FROM t",
        ),
        ("REFRESH MATERIALIZED VIEW s.V;", "REFRESH MATERIALIZED VIEW s.v"),
        ("SELECT CONCAT(a, b) FROM t", "SELECT (a || b) FROM t"),
        ("SELECT NVL(a, 0) FROM t", "SELECT COALESCE(a, 0) FROM t"),
        ("DROP SCHEMA IF EXISTS s CASCADE", "DROP SCHEMA IF EXISTS s CASCADE"),
        ("GRANT USAGE ON SCHEMA s TO ROLE r", "GRANT USAGE ON SCHEMA s TO r"),
        ("CREATE ROLE Analyst", 'CREATE ROLE "analyst" NOLOGIN'),
    ],
)
def test_a_statement_keeps_its_meaning(redshift: str, postgresql: str) -> None:
    assert translate(redshift).sql == postgresql


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT AVG(a) FROM t", "the function AVG"),  # of whole numbers it is cut off
        ("SELECT a / b FROM t", "the division a / b"),
        ("SELECT STRTOL(a, 16) FROM t", "STRTOL(a, 16)"),
        ("SELECT LISTAGG(a, ',') FROM t", "LISTAGG(a"),
        ("SELECT DATEDIFF(day, a, b) FROM t", "DATEDIFF(day, a, b)"),
        ("SELECT APPROXIMATE COUNT(DISTINCT a) FROM t", "APPROX"),
        ("CREATE TABLE t (a SUPER)", "the type SUPER"),
        ("COPY t FROM 's3://b/k' IAM_ROLE default", "COPY"),
        ("UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default", "UNLOAD"),
        ("CREATE MODEL m FROM t TARGET a FUNCTION f", "CREATE"),
        ("VACUUM t", "VACUUM"),
        ("SELECT 1; SELECT 2", "several statements"),
        ("CREATE VIEW v AS SELECT a FROM lake.t", "a view on an external schema"),
        ("CREATE EXTERNAL SCHEMA k FROM KAFKA IAM_ROLE default", "CREATE"),
        ("SELEC 1", "SELEC"),
        ("", "(empty)"),
    ],
)
def test_what_it_cannot_say_is_refused_by_name(sql: str, named: str) -> None:
    with pytest.raises(ServiceError) as refused:
        translate(sql, frozenset({"lake"}))
    assert refused.value.code == "ValidationException"
    assert named.upper() in refused.value.message.upper()
    assert "does not support" in refused.value.message


def test_an_external_schema_names_its_database_and_its_role() -> None:
    text = "CREATE EXTERNAL SCHEMA IF NOT EXISTS Lake\nFROM DATA CATALOG DATABASE 'c360_x' IAM_ROLE default"
    found = translate(text)
    assert (found.kind, found.guarded) == (Kind.EXTERNAL_SCHEMA, True)
    assert found.values == {"schema": "lake", "database": "c360_x", "role": "default"}
    role = "arn:aws:iam::123456789012:role/Reader"
    other = translate(text.replace("IF NOT EXISTS ", "").replace("default", f"'{role}'"))
    assert (other.guarded, other.values["role"]) == (False, role)


def test_tables_of_the_lake_are_read_first_with_the_columns_that_are_named() -> None:
    found = translate("SELECT a.x, b.y FROM lake.people AS a JOIN shop.orders AS b ON a.k = b.k", frozenset({"lake"}))
    assert found.external == {("lake", "people"): "lake__people"}
    assert found.columns == {"x", "y", "k"}
    assert '"lake__people" AS a' in found.sql
    assert translate("SELECT * FROM lake.people", frozenset({"lake"})).columns is None
    assert translate("SELECT COUNT(*) FROM lake.people", frozenset({"lake"})).columns == frozenset()
