"""What the analysis rules of Clean Rooms let through, and how they answer attacks.

Two tables with aggregation rules: `customers` of the brand, which may be counted where it meets a table of whoever
asks, and `audience` of the partner, who asks.
"""

import dataclasses
from typing import Any

import pytest

from twin.providers.clean_rooms.queries import plan
from twin.providers.clean_rooms.rules import Rule, RuleError, columns_allowed, read_rule
from twin.providers.clean_rooms.sql import Plan, QueryRefusedError, SharedTable, literal

BRAND, PARTNER = "111111111111", "222222222222"
TEMPLATE = f"arn:aws:cleanrooms:us-east-1:{BRAND}:membership/m/analysistemplate/t"
COLUMNS = frozenset({"email", "spend", "orders", "state", "tier"})
JOIN = "FROM customers c INNER JOIN audience a ON c.email = a.email"


def aggregation(**changed: Any) -> dict[str, Any]:
    """A policy as a template states it."""
    stated = {
        "AggregateColumns": [
            {"ColumnNames": ["email"], "Function": "COUNT_DISTINCT"},
            {"ColumnNames": ["spend", "orders"], "Function": "SUM"},
            {"ColumnNames": ["spend"], "Function": "AVG"},
        ],
        "JoinColumns": ["email"],
        "JoinRequired": "QUERY_RUNNER",
        "AllowedJoinOperators": ["AND"],
        "DimensionColumns": ["state", "tier"],
        "ScalarFunctions": ["ROUND", "UPPER"],
        "OutputConstraints": [{"ColumnName": "email", "Minimum": 10, "Type": "COUNT_DISTINCT"}],
    }
    return {"V1": {"Aggregation": {**stated, **changed}}}


AUDIENCE = {
    "v1": {
        "aggregation": {
            "aggregateColumns": [{"columnNames": ["email"], "function": "COUNT"}],
            "joinColumns": ["email"],
            "dimensionColumns": ["campaign"],
            "scalarFunctions": [],
            "outputConstraints": [{"columnName": "email", "minimum": 2, "type": "COUNT_DISTINCT"}],
        }
    }
}


def shared(name: str, owner: str, rule: Rule, columns: frozenset[str]) -> SharedTable:
    return SharedTable(name=name, owner=owner, rule=rule, columns=columns, source=f'"lake"."{owner}"."{name}"')


CUSTOMERS = shared("customers", BRAND, read_rule("customers", "AGGREGATION", aggregation(), COLUMNS), COLUMNS)
THEIRS = frozenset({"email", "campaign"})
ROOM = {
    "customers": CUSTOMERS,
    "audience": shared("audience", PARTNER, read_rule("audience", "AGGREGATION", AUDIENCE, THEIRS), THEIRS),
}


def asked(query: str, room: dict[str, SharedTable] = ROOM, **options: Any) -> Plan:
    return plan(query, tables=room, runner=PARTNER, **options)


def test_an_overlap_is_counted_by_dimension() -> None:
    found = asked(f"SELECT c.state, COUNT(DISTINCT c.email) AS people, ROUND(SUM(spend), 0) {JOIN} GROUP BY c.state")
    assert found.columns == ("state", "people", "column_3")
    assert found.tables == ("audience", "customers")
    assert found.sql == (
        'SELECT "c"."state", COUNT(DISTINCT "c"."email") AS "people", ROUND(SUM("spend"), 0), '
        'COUNT(DISTINCT "c"."email") AS "c360_size_0", COUNT(DISTINCT "a"."email") AS "c360_size_1" '
        'FROM (SELECT "email", "orders", "spend", "state", "tier" FROM "lake"."111111111111"."customers") AS "c" '
        'INNER JOIN (SELECT "campaign", "email" FROM "lake"."222222222222"."audience") AS "a" '
        'ON "c"."email" = "a"."email" GROUP BY "c"."state"'
    )


def test_small_groups_are_taken_from_the_answer_and_nothing_says_so() -> None:
    found = asked(f"SELECT c.state, COUNT(DISTINCT c.email) {JOIN} GROUP BY c.state")
    assert found.minimums == (10, 2)
    rows = [["CA", 10, 10, 2], ["NY", 9, 9, 9], ["TX", 12, 12, 1], ["WA", 40, 40, None]]
    assert found.finish(rows) == [["CA", 10]]


def test_a_group_is_measured_by_people_and_not_by_rows_that_a_partner_repeats() -> None:
    """The partner's table has one customer a hundred times."""
    assert asked(f"SELECT COUNT(DISTINCT c.email) {JOIN}").finish([[1, 1, 100]]) == []


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT SUM(c.spend) {JOIN}",
        f"SELECT AVG(spend), SUM(orders) {JOIN} WHERE c.state IN ('CA', 'NY') AND NOT a.campaign = 'spring'",
        f"SELECT UPPER(c.state), COUNT(DISTINCT c.email) {JOIN} WHERE c.tier IS NOT NULL GROUP BY UPPER(c.state)",
        f"SELECT c.tier, COUNT(DISTINCT c.email) AS n {JOIN} GROUP BY c.tier HAVING COUNT(DISTINCT c.email) > 20 "
        "ORDER BY n DESC",
        f"SELECT COUNT(DISTINCT c.email) {JOIN} WHERE c.state LIKE 'C%' OR c.tier BETWEEN 'a' AND 'g'",
        "SELECT COUNT(DISTINCT C.EMAIL) FROM Customers C JOIN Audience A ON C.EMAIL = A.EMAIL AND a.email = c.email",
        "SELECT COUNT(email) FROM audience",
    ],
)
def test_the_documented_parts_of_an_aggregation_query_are_allowed(query: str) -> None:
    assert asked(query).sql


ATTACKS = {
    # Rows, or single values.
    f"SELECT c.email, COUNT(DISTINCT c.email) {JOIN} GROUP BY c.email": "nobody may select email",
    f"SELECT * {JOIN}": "not \\*",
    f"SELECT c.state {JOIN}": "has an aggregate",
    f"SELECT DISTINCT c.state, COUNT(DISTINCT c.email) {JOIN}": "SELECT DISTINCT is not supported",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} GROUP BY c.email": "nobody may group by email",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} GROUP BY c.spend": "nobody may group by spend; allowed is state, tier",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} WHERE c.email = 'ann'": "nobody may filter by email",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} WHERE c.spend > 100": "nobody may filter by spend",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} ORDER BY c.email": "nobody may order by email",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} LIMIT 1": "LIMIT is not supported",
    # Functions that leak.
    f"SELECT ARRAY_AGG(c.email) {JOIN}": "not ARRAY_AGG",
    f"SELECT COLLECT_SET(c.email) {JOIN}": "and not ARRAY_UNIQUE_AGG|and not COLLECT_SET",
    f"SELECT MAX(c.email) {JOIN}": "not MAX",
    f"SELECT MIN(c.spend) {JOIN}": "not MIN",
    f"SELECT MAX_BY(c.state, c.spend) {JOIN}": "not",
    f"SELECT LISTAGG(c.state, ',') {JOIN}": "not",
    f"SELECT PERCENTILE(c.spend, 0.0) {JOIN}": "not",
    f"SELECT FIRST(c.email), COUNT(DISTINCT c.email) {JOIN}": "not FIRST",
    f"SELECT SUBSTRING(c.email, 1, 1), COUNT(DISTINCT c.email) {JOIN}": "nobody may select email",
    f"SELECT COUNT(DISTINCT SUBSTRING(c.email, 1, 3)) {JOIN}": "takes a column, and not SUBSTRING",
    f"SELECT COUNT(DISTINCT CASE WHEN c.state = 'CA' THEN c.email END) {JOIN}": "takes a column, and not CASE",
    f"SELECT SUM(c.spend * 1000000 + c.orders) {JOIN}": "takes a column",
    f"SELECT SUM(c.state) {JOIN}": "nobody may take SUM of state",
    f"SELECT COUNT(c.email) {JOIN}": "nobody may take COUNT of email; allowed is COUNT_DISTINCT",
    f"SELECT COUNT(*) {JOIN}": "COUNT takes a column",
    f"SELECT COUNT(DISTINCT c.email, c.state) {JOIN}": "not COUNT",
    f"SELECT AVG(DISTINCT c.spend) {JOIN}": "not AVG",
    f"SELECT LOWER(c.state), COUNT(DISTINCT c.email) {JOIN} GROUP BY LOWER(c.state)": "LOWER is not allowed",
    f"SELECT raise_error(c.state), COUNT(DISTINCT c.email) {JOIN}": "RAISE_ERROR is not allowed",
    f"SELECT 1 / (COUNT(DISTINCT c.email) - 10) {JOIN}": "not DIV",
    f"SELECT COUNT(DISTINCT c.email) FILTER (WHERE c.state = 'CA') {JOIN}": "not FILTER",
    # Windows, sub-queries, set operations.
    f"SELECT COUNT(DISTINCT c.email) OVER (PARTITION BY c.email) {JOIN}": "not OVER",
    f"SELECT ROW_NUMBER() OVER (ORDER BY c.email), COUNT(DISTINCT c.email) {JOIN}": "not OVER",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} QUALIFY 1 = 1": "QUALIFY is not supported",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} UNION ALL SELECT COUNT(DISTINCT c.email) {JOIN}": "UNION is not supported",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} EXCEPT SELECT 1": "EXCEPT is not supported",
    f"WITH w AS (SELECT 1) SELECT COUNT(DISTINCT c.email) {JOIN}": "WITH is not supported",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} WHERE c.state IN (SELECT state FROM customers)": "a subquery",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} WHERE EXISTS (SELECT 1 FROM audience)": "a subquery",
    f"SELECT (SELECT MAX(email) FROM customers), COUNT(DISTINCT c.email) {JOIN}": "a subquery",
    "SELECT COUNT(DISTINCT email) FROM (SELECT email FROM customers) AS s": "a subquery",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} GROUP BY ROLLUP (c.state)": "not ROLLUP",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} GROUP BY GROUPING SETS ((c.state), ())": "GROUPING",
    # Joins.
    "SELECT COUNT(DISTINCT email) FROM customers": "must join it with a table of the member who asks",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN customers d ON c.email = d.email": "must join it",
    "SELECT COUNT(DISTINCT c.email) FROM customers c LEFT JOIN audience a ON c.email = a.email": "not by LEFT",
    "SELECT COUNT(DISTINCT c.email) FROM customers c CROSS JOIN audience a": "not by CROSS",
    "SELECT COUNT(DISTINCT c.email) FROM customers c NATURAL JOIN audience a": "not by NATURAL",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a USING (email)": "not by USING",
    "SELECT COUNT(DISTINCT c.email) FROM customers c, audience a": "not by",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON TRUE": "not by BOOLEAN",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON c.email <> a.email": "not by NEQ",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON c.email = 'x'": "by columns, and not",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON c.state = a.email": "nobody may join by state",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON c.email = c.email": "with itself",
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON c.email = a.email OR a.email = c.email": (
        "conditions of its joins take no OR"
    ),
    "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON LOWER(c.email) = a.email": "not by LOWER",
    # Other tables, other statements, other doors.
    "SELECT COUNT(DISTINCT email) FROM c360_prod_curated.profiles": "no such table",
    "SELECT COUNT(DISTINCT email) FROM profiles": "it has audience, customers",
    "SELECT COUNT(DISTINCT email) FROM `parquet`.`s3://lake/people/`": "no such table",
    "SELECT COUNT(DISTINCT c.email) FROM customers TABLESAMPLE (1 ROWS) c JOIN audience a ON c.email = a.email": (
        "SAMPLE is not supported"
    ),
    "SELECT COUNT(DISTINCT c.email) FROM customers VERSION AS OF 1 c JOIN audience a ON c.email = a.email": "VERSION",
    f"SELECT COUNT(DISTINCT c.email) {JOIN} LATERAL VIEW EXPLODE(ARRAY(1)) t AS x": "LATERALS is not supported",
    "SELECT 1": "reads no table",
    "DROP TABLE customers": "is a SELECT, and no DROP",
    "INSERT INTO audience SELECT email FROM customers": "is a SELECT, and no INSERT",
    f"SELECT COUNT(DISTINCT c.email) {JOIN}; SELECT 1": "one statement",
    f"SELECT COUNT(DISTINCT c.email) AS c360_size_0 {JOIN}": "is taken",
    "SELECT COUNT(": "cannot be read",
}


@pytest.mark.parametrize("query", ATTACKS)
def test_an_attack_is_refused_by_name(query: str) -> None:
    with pytest.raises(QueryRefusedError, match=ATTACKS[query]):
        asked(query)


def test_a_partner_s_table_without_the_join_column_is_refused_by_name() -> None:
    columns = frozenset({"phone", "campaign"})
    policy = {"v1": {"aggregation": {**AUDIENCE["v1"]["aggregation"]}}}
    with pytest.raises(RuleError, match=r"table audience: .* names email, which allowedColumns has not got"):
        read_rule("audience", "AGGREGATION", policy, columns)
    with pytest.raises(RuleError, match="allowedColumns names email, which the table has not got; it has campaign"):
        columns_allowed("audience", ["email", "campaign"], columns)
    stated = dict(AUDIENCE["v1"]["aggregation"], joinColumns=["phone"], aggregateColumns=[])
    stated["outputConstraints"] = [{"columnName": "phone", "minimum": 2, "type": "COUNT_DISTINCT"}]
    room = ROOM | {
        "audience": shared(
            "audience", PARTNER, read_rule("audience", "AGGREGATION", {"v1": {"aggregation": stated}}, columns), columns
        )
    }
    with pytest.raises(
        QueryRefusedError, match=r"column a.email: .* no such column|table audience have no such column"
    ):
        asked(f"SELECT COUNT(DISTINCT c.email) {JOIN}", room)
    with pytest.raises(QueryRefusedError, match=r"table customers: nobody may join by phone|no such column"):
        asked("SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON c.phone = a.phone", room)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"DimensionColumns": ["state", "email"]}, "email is in joinColumns and in dimensionColumns"),
        ({"DimensionColumns": ["state", "spend"]}, "spend is in aggregateColumns and in dimensionColumns"),
        ({"DimensionColumns": ["birth_date"]}, "dimensionColumns names birth_date"),
        ({"JoinColumns": []}, "joinRequired needs joinColumns"),
        ({"OutputConstraints": []}, "outputConstraints is empty"),
        ({"ScalarFunctions": ["ARRAY_AGG"]}, "scalarFunctions has ARRAY_AGG"),
        ({"AggregateColumns": [{"ColumnNames": ["email"], "Function": "MAX"}]}, "aggregateColumns has MAX"),
        (
            {"OutputConstraints": [{"ColumnName": "email", "Minimum": 1, "Type": "COUNT_DISTINCT"}]},
            "the minimum of outputConstraints is 1; Clean Rooms takes 2 to 100000",
        ),
    ],
)
def test_a_rule_that_aws_refuses_is_refused_by_name(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        read_rule("customers", "AGGREGATION", aggregation(**changed), COLUMNS)


def test_an_allowed_or_counts_a_table_only_if_each_side_joins_it() -> None:
    both = dict(aggregation(AllowedJoinOperators=["AND", "OR"], JoinColumns=["email"])["V1"]["Aggregation"])
    rule = read_rule("customers", "AGGREGATION", {"V1": {"Aggregation": both}}, COLUMNS)
    theirs = dict(AUDIENCE["v1"]["aggregation"], allowedJoinOperators=["OR"])
    room = {
        "customers": dataclasses.replace(CUSTOMERS, rule=rule),
        "more": dataclasses.replace(CUSTOMERS, name="more", rule=rule),
        "audience": dataclasses.replace(
            ROOM["audience"], rule=read_rule("audience", "AGGREGATION", {"v1": {"aggregation": theirs}}, THEIRS)
        ),
    }
    query = "SELECT COUNT(DISTINCT c.email) FROM customers c JOIN audience a ON "
    assert asked(f"{query} c.email = a.email OR a.email = c.email", room).sql
    third = "JOIN more m ON m.email = a.email OR m.email = c.email"
    with pytest.raises(QueryRefusedError, match="table more: a query must join it"):
        asked(f"{query} c.email = a.email {third}", room)


# ---- lists

SEGMENTS = shared(
    "segments",
    BRAND,
    read_rule(
        "segments",
        "LIST",
        {"V1": {"List": {"JoinColumns": ["email"], "ListColumns": ["segment"]}}},
        frozenset({"email", "segment"}),
    ),
    frozenset({"email", "segment"}),
)
LISTED = shared(
    "leads",
    PARTNER,
    read_rule(
        "leads",
        "LIST",
        {"V1": {"List": {"JoinColumns": ["email"], "ListColumns": ["lead"]}}},
        frozenset({"email", "lead"}),
    ),
    frozenset({"email", "lead"}),
)
LISTS = {"segments": SEGMENTS, "leads": LISTED, **ROOM}
MET = "FROM segments s JOIN leads l ON s.email = l.email"


def test_a_list_has_the_rows_of_the_overlap() -> None:
    found = asked(f"SELECT DISTINCT l.lead, s.segment {MET} WHERE s.segment <> 'lapsed' LIMIT 5", LISTS)
    assert found.columns == ("lead", "segment")
    assert found.minimums == ()
    assert found.sql.endswith("LIMIT 5")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"SELECT l.lead {MET}", "SELECT DISTINCT"),
        (f"SELECT DISTINCT s.email {MET}", "nobody may list email; allowed is segment"),
        (f"SELECT DISTINCT * {MET}", "not \\*"),
        (f"SELECT DISTINCT UPPER(s.segment) {MET}", "not UPPER"),
        (f"SELECT DISTINCT s.segment, COUNT(l.lead) {MET} GROUP BY s.segment", "GROUP BY is not supported"),
        (f"SELECT DISTINCT s.segment {MET} WHERE s.email = 'x'", "nobody may filter by email"),
        (f"SELECT DISTINCT s.segment {MET} ORDER BY s.segment", "ORDER BY is not supported"),
        (f"SELECT DISTINCT s.segment {MET} LIMIT 0", "positive"),
        ("SELECT DISTINCT segment FROM segments", "must join it with a table of the member who asks"),
        ("SELECT DISTINCT s.segment FROM segments s JOIN customers c ON s.email = c.email", "one type alone"),
        (f"SELECT DISTINCT s.segment {MET} UNION SELECT DISTINCT email FROM segments", "UNION is not supported"),
        (f"SELECT DISTINCT s.segment {MET} WHERE s.segment IN (SELECT email FROM segments)", "a subquery"),
    ],
)
def test_a_list_reveals_no_more_than_its_columns(query: str, message: str) -> None:
    with pytest.raises(QueryRefusedError, match=message):
        asked(query, LISTS)


# ---- custom rules


def custom(name: str, owner: str, columns: frozenset[str], **stated: Any) -> SharedTable:
    policy = {"V1": {"Custom": {"AllowedAnalyses": [TEMPLATE], **stated}}}
    return shared(name, owner, read_rule(name, "CUSTOM", policy, columns), columns)


ORDERS = custom(
    "orders", BRAND, frozenset({"email", "amount", "day"}), DifferentialPrivacy={"Columns": [{"Name": "email"}]}
)
PEOPLE = custom("people", BRAND, frozenset({"email", "tier"}), DifferentialPrivacy={"Columns": [{"Name": "email"}]})
SEEN = custom("seen", PARTNER, frozenset({"email", "variant"}))
PRIVATE = {"orders": ORDERS, "people": PEOPLE, "seen": SEEN}
REACH = "SELECT s.variant, COUNT(DISTINCT o.email) AS people FROM seen s JOIN orders o ON s.email = o.email "


def test_only_a_template_that_all_owners_allow_may_run() -> None:
    assert asked(f"{REACH} GROUP BY s.variant", PRIVATE, template=TEMPLATE, author=BRAND).tables == ("orders", "seen")
    with pytest.raises(QueryRefusedError, match="does not allow a query that is no analysis template"):
        asked(f"{REACH} GROUP BY s.variant", PRIVATE)
    with pytest.raises(QueryRefusedError, match="does not allow the analysis template arn:other"):
        asked(f"{REACH} GROUP BY s.variant", PRIVATE, template="arn:other", author=PARTNER)
    theirs = {**PRIVATE, "seen": custom("seen", PARTNER, frozenset({"email", "variant"}), AllowedAnalyses=[])}
    with pytest.raises(QueryRefusedError, match=r"table seen: .* does not allow the analysis template"):
        asked(f"{REACH} GROUP BY s.variant", theirs, template=TEMPLATE, author=BRAND)


def test_any_query_of_an_account_may_run_where_the_owner_says_so() -> None:
    free = custom(
        "seen",
        PARTNER,
        frozenset({"email", "variant"}),
        AllowedAnalyses=["ANY_QUERY"],
        AllowedAnalysisProviders=[PARTNER],
    )
    assert asked("SELECT email FROM seen ORDER BY 1 LIMIT 3", {"seen": free}).columns == ("email",)
    with pytest.raises(QueryRefusedError, match="does not allow a query"):
        plan("SELECT email FROM seen", tables={"seen": free}, runner=BRAND)
    with pytest.raises(RuleError, match="ANY_QUERY, which needs allowedAnalysisProviders"):
        custom("seen", PARTNER, frozenset({"email"}), AllowedAnalyses=["ANY_QUERY"])


def test_a_template_s_rules_are_no_others() -> None:
    with pytest.raises(QueryRefusedError, match="an analysis template needs custom analysis rules"):
        asked(f"SELECT COUNT(DISTINCT c.email) {JOIN}", template=TEMPLATE, author=BRAND)


def test_a_parameter_is_a_value_and_never_a_part_of_the_query() -> None:
    query = f"{REACH} WHERE o.day > :since AND s.variant = :variant GROUP BY s.variant"
    values = {
        "since": literal("since", "DATE", "2026-01-01"),
        "variant": literal("variant", "VARCHAR", "x' OR email LIKE '%"),
    }
    found = asked(query, PRIVATE, template=TEMPLATE, author=BRAND, parameters=values)
    assert """= 'x'' OR email LIKE ''%'""" in found.sql
    with pytest.raises(QueryRefusedError, match="parameter least: '1 OR 1=1' is no INTEGER"):
        literal("least", "INTEGER", "1 OR 1=1")
    with pytest.raises(QueryRefusedError, match="parameter variant: no value is given"):
        asked(query, PRIVATE, template=TEMPLATE, author=BRAND, parameters={"since": values["since"]})
    with pytest.raises(QueryRefusedError, match="parameter other: the query has no such placeholder"):
        asked(REACH, PRIVATE, template=TEMPLATE, author=BRAND, parameters={"other": values["since"]})


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT email FROM orders", "and not COLUMN"),
        ("SELECT email, COUNT(amount) FROM orders", "and not COLUMN"),
        ("SELECT MAX(amount) FROM orders", "and not MAX"),
        ("SELECT COUNT(DISTINCT amount) FROM orders", "COUNT\\(DISTINCT\\) of anything but email"),
        ("SELECT SUM(amount) FROM orders HAVING SUM(amount) > 1", "HAVING of the outermost query"),
        ("SELECT SUM(amount) FROM orders LIMIT 1", "LIMIT of the outermost query"),
        ("SELECT day FROM orders GROUP BY day", "has aggregates"),
        ("SELECT SUM(amount) FROM orders UNION ALL SELECT 1", "outermost query is a SELECT"),
        ("SELECT SUM(amount) FROM (SELECT SUM(amount) AS amount FROM orders) AS t", "adds people up"),
        ("SELECT SUM(amount) FROM (SELECT amount FROM orders) AS t", "sees the column that identifies people"),
        ("SELECT SUM(amount) FROM (SELECT email, amount FROM orders LIMIT 1) AS t", "LIMIT of a part of the query"),
        ("SELECT COUNT(email) FROM (SELECT LOWER(email) AS email FROM orders) AS t", "the column as it is"),
        (
            "SELECT SUM(n) FROM (SELECT email, SUM(amount) OVER (ORDER BY day) AS n FROM orders) AS t",
            "OVER \\(a window\\)",
        ),
        (
            "SELECT COUNT(DISTINCT o.email) FROM orders AS o JOIN people AS p ON o.amount > 1",
            "are joined by people",
        ),
        (
            "SELECT COUNT(DISTINCT o.email) FROM orders AS o LEFT JOIN seen AS s ON TRUE "
            "LEFT JOIN people AS p ON s.email = p.email",
            "p.email: tables that differential privacy protects are joined by people",
        ),
        (
            "SELECT COUNT(o.amount) FROM orders AS o LEFT JOIN people AS p ON TRUE "
            "LEFT JOIN seen AS s ON o.email = p.email",
            "p.email: tables that differential privacy protects are joined by people",
        ),
        ("SELECT COUNT(p.tier) FROM orders AS o JOIN people AS p USING (email)", "joined by ON, and not by USING"),
        ("SELECT COUNT(tier) FROM orders AS o NATURAL JOIN people AS p", "and not by NATURAL"),
        ("SELECT COUNT(o.day) FROM orders AS o LEFT SEMI JOIN people AS p ON o.email = p.email", "by LEFT SEMI"),
        ("SELECT COUNT(amount) FROM (orders) AS t", "not TABLE in parentheses"),
        ("WITH t AS (SELECT email FROM orders) SELECT COUNT(s.day) FROM seen AS s", "reads a table that says who"),
    ],
)
def test_differential_privacy_protects_people_and_not_rows(query: str, message: str) -> None:
    with pytest.raises(QueryRefusedError, match=message):
        asked(query, PRIVATE, template=TEMPLATE, author=BRAND)


VICTIM = "'one person'"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            f"SELECT COUNT(DISTINCT email) FROM orders WHERE EXISTS (SELECT 1 FROM people p WHERE p.email = {VICTIM})",
            "a subquery of people decides about the rows of others",
        ),
        (
            f"SELECT COUNT(email) FROM orders WHERE (SELECT p.tier FROM people p WHERE p.email = {VICTIM}) = 'gold'",
            "a subquery of people decides about the rows of others",
        ),
        ("SELECT COUNT(email) FROM orders WHERE day IN (SELECT day FROM orders)", "a subquery of people decides"),
        ("SELECT COUNT((SELECT tier FROM people)) FROM orders", "a subquery of people decides"),
        (
            "WITH t AS (SELECT email FROM people) SELECT COUNT(day) FROM orders WHERE email IN (SELECT email FROM t)",
            "a subquery of people decides",
        ),
        (
            f"WITH t AS (SELECT p.email, p.tier FROM people p WHERE p.email = {VICTIM}) "
            "SELECT COUNT(DISTINCT o.email) FROM orders o CROSS JOIN t WHERE t.tier = 'gold'",
            "t.email: tables that differential privacy protects are joined by people",
        ),
        (
            f"WITH t AS (SELECT p.tier FROM people p WHERE p.email = {VICTIM}) "
            "SELECT COUNT(DISTINCT o.email) FROM orders o CROSS JOIN t WHERE t.tier = 'gold'",
            "select it, email, in each part of WITH and FROM",
        ),
        (
            "WITH t AS (SELECT s.email, p.tier FROM seen s CROSS JOIN people p "
            f"WHERE p.email = {VICTIM}) SELECT COUNT(DISTINCT t.email) FROM t WHERE t.tier = 'gold'",
            "email: people are identified by the column as it is",
        ),
        (
            f"WITH t AS (SELECT s.email AS email, p.tier FROM seen s LEFT JOIN people p ON p.email = {VICTIM}) "
            "SELECT COUNT(DISTINCT t.email) FROM t WHERE t.tier = 'gold'",
            "email: people are identified by the column as it is",
        ),
        (
            "WITH t AS (SELECT s.variant AS email, SUM(o.amount) AS n FROM seen s JOIN orders o ON s.email = o.email "
            "GROUP BY s.variant) SELECT SUM(n) FROM t",
            "adds people up",
        ),
        (
            "WITH t AS (SELECT email, tier FROM people UNION SELECT 'x', tier FROM people) SELECT COUNT(tier) FROM t",
            "UNION with differential privacy",
        ),
        (
            "WITH t AS (WITH u AS (SELECT email FROM people) SELECT email FROM u) SELECT COUNT(email) FROM t",
            "WITH of a part of the query",
        ),
        (
            "WITH t AS (SELECT o.email FROM orders o JOIN t ON o.email = t.email) SELECT COUNT(t.email) FROM t",
            "reads itself",
        ),
        ("SELECT email, COUNT(amount) FROM orders GROUP BY email", "GROUP BY email: a group of one person"),
        (
            "SELECT UPPER(s.email), COUNT(o.amount) FROM orders o JOIN seen s ON o.email = s.email "
            "GROUP BY UPPER(s.email)",
            "a group of one person",
        ),
        ("SELECT day, COUNT(amount) FROM orders GROUP BY CUBE(day)", "no CUBE, ROLLUP or GROUPING SETS"),
        ("SELECT COUNT(tier) FROM people LATERAL VIEW EXPLODE(tier) x AS y", "LATERALS of the outermost query"),
    ],
)
def test_nobody_decides_about_the_rows_of_others(query: str, message: str) -> None:
    """A count of everybody, if one person has something, or of nobody: no noise of a single person hides that."""
    with pytest.raises(QueryRefusedError, match=message):
        asked(query, PRIVATE, template=TEMPLATE, author=BRAND)


@pytest.mark.parametrize(
    "query",
    [
        "WITH t AS (SELECT o.email, MIN(o.day) AS day FROM orders o GROUP BY o.email HAVING COUNT(o.day) > 1) "
        "SELECT t.day, COUNT(DISTINCT p.email) FROM t JOIN people p ON t.email = p.email GROUP BY t.day",
        "SELECT COUNT(t.day) FROM (SELECT DISTINCT s.email, o.day FROM seen s JOIN orders o ON s.email = o.email) AS t",
        "WITH t AS (SELECT email, variant FROM seen) "
        "SELECT COUNT(DISTINCT p.email) FROM t JOIN people p ON t.email = p.email",
        "SELECT COUNT(p.tier) FROM orders AS o FULL JOIN people AS p ON p.email = o.email AND o.amount > 1",
        "SELECT SUM(amount) FROM (SELECT email, amount FROM orders) AS t",
        "SELECT COUNT(o.day) FROM orders AS o WHERE EXISTS (SELECT 1 FROM seen AS s WHERE s.email = o.email)",
        "WITH t AS (SELECT email FROM seen UNION SELECT email FROM seen LIMIT 3), u AS (SELECT email FROM t) "
        "SELECT COUNT(p.tier) FROM people AS p LEFT JOIN u ON p.email = u.email WHERE u.email IS NULL",
    ],
)
def test_parts_that_carry_people_are_allowed(query: str) -> None:
    found = asked(query, PRIVATE, template=TEMPLATE, author=BRAND)
    assert found.measures is not None
    assert any(found.measures)


def test_a_protected_query_is_added_up_person_by_person() -> None:
    found = asked(
        "SELECT s.variant, COUNT(DISTINCT p.email) AS people, SUM(o.amount) AS spend FROM seen s "
        "JOIN people p ON s.email = p.email LEFT JOIN orders o ON p.email = o.email GROUP BY s.variant",
        PRIVATE,
        template=TEMPLATE,
        author=BRAND,
    )
    assert found.measures is not None
    assert [one and one.function for one in found.measures] == [None, "COUNT_DISTINCT", "SUM"]
    assert 'GROUP BY "s"."variant", "p"."email"' in found.sql


@pytest.mark.parametrize("name", ["AggregationThresholds", "ComparisonControls", "DisallowedOutputColumns"])
def test_what_the_twin_lacks_is_refused_by_name(name: str) -> None:
    with pytest.raises(RuleError, match=f"{name[0].lower()}{name[1:]} is not in the laptop twin"):
        custom("orders", BRAND, frozenset({"email"}), **{name: ["email"]})
