# the statements are literals of these tests
"""Builds one after another, with data between them: each reads what is new, and all of it makes the same numbers."""

from pathlib import Path

import pytest

from tests.engines.trino import lake
from tests.engines.trino.stack import Stack, run_dbt

pytestmark = pytest.mark.usefixtures("built")

PROJECT = "customer_360"
MARTS = (
    "customer_360",
    "rfm",
    "segment_membership",
    "spend_by_currency",
    "spend_by_segment_month",
    "decisions",
    "customer_quality",
)
KEPT = ("interactions_by_key_day", "decision_events", "profile_states")
COLUMNS = (
    "event_id, event_type, source, schema_version, occurred_at, received_at, customer_key, identifier_keys, "
    "session_start, amount, currency, payload"
)


def insert(stack: Stack, *rows: tuple[str, str, str, str, str, str], currency: str | None = "USD") -> None:
    """Events of the till: id, type, when it happened, when it arrived, whose it is, and the amount."""
    values = ", ".join(
        f"('{event}', '{kind}', 'pos_transactions', 1, timestamp '{at} UTC', timestamp '{received} UTC', '{key}', "
        f"array['{key}'], false, decimal '{amount}', {lake.quote(currency)}, '{{}}')"
        for event, kind, at, received, key, amount in rows
    )
    stack.query(f"INSERT INTO {lake.RAW}.interactions ({COLUMNS}) VALUES {values}")


def build(variables: dict[str, str], *arguments: str) -> None:
    """Build the marts of these tests, with what they are made of; the others would only take their time."""
    # By their folder, too: one is called like the project, whose name alone means all of it.
    done = run_dbt(variables, "build", "--select", *(f"+{PROJECT}.marts.{mart}" for mart in MARTS), *arguments)
    assert done.returncode == 0, done.stdout[-4000:]


def contents(stack: Stack) -> dict[str, list[list[str | None]]]:
    """Every row of every mart, and of what the marts are made of."""
    return {name: sorted(stack.query(f"SELECT * FROM {name}"), key=str) for name in (*MARTS, *KEPT)}


def spend(stack: Stack, person: str) -> str | None:
    return stack.query(f"SELECT spend FROM customer_360 WHERE person_id = '{person}'")[0][0]


def test_late_and_repeated_events_count_once_and_a_full_refresh_agrees(
    stack: Stack, dbt_variables: dict[str, str]
) -> None:
    insert(
        stack,
        ("e-20", "order_placed", "2026-03-01 10:00:00", "2026-03-01 10:00:01", lake.CRM, "5.00"),  # a new day
        (
            "e-21",
            "order_placed",
            "2026-01-05 11:00:00",
            "2026-03-01 10:00:02",
            lake.LOYALTY,
            "1.00",
        ),  # eight weeks late
        ("e-02", "order_placed", "2026-02-01 10:00:00", "2026-03-01 10:00:03", lake.EMAIL, "50.05"),  # history again
        ("e-22", "order_placed", "2025-11-30 10:00:00", "2026-02-25 10:00:00", lake.EMAIL, "2.00"),  # after an outage
    )
    build(dbt_variables)

    assert (spend(stack, "p_1"), spend(stack, "p_2")) == ("133.13", "15.00")
    grown = contents(stack)
    build(dbt_variables, "--full-refresh")
    assert contents(stack) == grown


def test_an_earlier_delivery_under_another_key_takes_the_place_of_the_later(
    stack: Stack, dbt_variables: dict[str, str]
) -> None:
    insert(stack, ("e-30", "order_placed", "2026-03-02 10:00:00", "2026-03-02 10:00:09", lake.CRM, "4.00"))
    build(dbt_variables)
    insert(stack, ("e-30", "order_placed", "2026-03-02 10:00:00", "2026-03-02 10:00:01", lake.EMAIL, "4.00"))
    build(dbt_variables)

    assert (spend(stack, "p_1"), spend(stack, "p_2")) == ("137.13", "15.00")
    rows = stack.query("SELECT customer_key FROM interactions_by_key_day WHERE occurred_on = date '2026-03-02'")
    assert rows == [[lake.EMAIL]]


def test_persons_who_are_joined_need_no_history(stack: Stack, dbt_variables: dict[str, str]) -> None:
    before = stack.query("SELECT * FROM interactions_by_key_day ORDER BY 1, 2, 3")
    stack.query(f"UPDATE {lake.CURATED}.identifier_map SET person_id = 'p_2' WHERE identifier_key = '{lake.EMAIL}'")
    build(dbt_variables)

    assert (spend(stack, "p_1"), spend(stack, "p_2")) == ("81.08", "71.05")
    assert stack.query("SELECT * FROM interactions_by_key_day ORDER BY 1, 2, 3") == before


def profile(stack: Stack, version: int, events: int, at: str, email: str, *segments: str) -> None:
    """A version of the profile of p_1."""
    stack.query(
        f"INSERT INTO {lake.CURATED}.profiles "
        "(person_id, identity_version, event_count, computed_at, email, segments, record_count) "
        f"VALUES ('p_1', {version}, {events}, timestamp '{at} UTC', '{email}', "
        f"cast(array[{', '.join(map(lake.quote, segments))}] as array(varchar)), 2)"
    )


def memberships(stack: Stack) -> list[list[str | None]]:
    return stack.query("SELECT segment, since FROM segment_membership WHERE person_id = 'p_1' ORDER BY segment")


def test_profiles_go_on_from_the_version_that_is_known(stack: Stack, dbt_variables: dict[str, str]) -> None:
    # Fewer interactions than before: an identifier went to somebody else.
    profile(stack, 2, 1, "2026-02-20 10:00:00", "ann@example.net", "vip", "new")
    profile(stack, 2, 2, "2026-02-21 10:00:00", "ann@example.net", "vip", "frequent")
    build(dbt_variables)

    assert stack.query("SELECT email_masked FROM customer_360 WHERE person_id = 'p_1'") == [["a***@***.net"]]
    stays, again = ["vip", "2026-02-12 00:03:00.000000"], ["frequent", "2026-02-21 10:00:00.000000"]
    assert memberships(stack) == [again, stays]
    grown = contents(stack)
    build(dbt_variables, "--full-refresh")
    assert contents(stack) == grown
    stack.query(f"DELETE FROM {lake.CURATED}.profiles WHERE computed_at < timestamp '2026-02-13 00:00:00 UTC'")
    profile(stack, 3, 2, "2026-03-20 10:00:00", "ann@example.net", "vip")
    build(dbt_variables)
    assert memberships(stack) == [stays], "what was built is not read again"


def test_days_without_news_are_not_read(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """Shown by taking away an event of a day that is over: only a full refresh can know."""
    one = ("run", "--select", "interactions_by_key_day")
    insert(stack, ("e-40", "order_placed", "2026-04-01 10:00:00", "2026-04-01 10:00:00", lake.CRM, "3.00"))
    assert run_dbt(dbt_variables, *one).returncode == 0
    stack.query(f"DELETE FROM {lake.RAW}.interactions WHERE event_id = 'e-22'")
    insert(stack, ("e-41", "order_placed", "2026-04-01 11:00:00", "2026-04-01 11:00:00", lake.CRM, "1.00"))

    assert run_dbt(dbt_variables, *one).returncode == 0

    days = "SELECT occurred_on, amount FROM interactions_by_key_day WHERE occurred_on IN {} ORDER BY 1"
    assert stack.query(days.format("(date '2025-11-30', date '2026-04-01')")) == [
        ["2025-11-30", "2.00"],
        ["2026-04-01", "4.00"],
    ]
    [compiled] = Path(dbt_variables["DBT_TARGET_PATH"]).glob("compiled/**/interactions_by_key_day.sql")
    assert "occurred_at >= timestamp '2026-04-01 00:00:00 UTC'" in compiled.read_text(encoding="utf-8")
    assert run_dbt(dbt_variables, *one, "--full-refresh").returncode == 0
    assert stack.query(days.format("(date '2025-11-30')")) == []


def test_a_wrong_clock_blocks_nobody(stack: Stack, dbt_variables: dict[str, str]) -> None:
    one = ("run", "--select", "interactions_by_key_day")
    insert(stack, ("e-50", "order_placed", "2026-04-02 10:00:00", "2126-04-02 10:00:00", lake.CRM, "8.00"))
    assert run_dbt(dbt_variables, *one).returncode == 0
    insert(stack, ("e-51", "order_placed", "2026-04-03 10:00:00", "2026-04-03 10:00:00", lake.CRM, "9.00"))
    assert run_dbt(dbt_variables, *one).returncode == 0

    rows = stack.query("SELECT amount FROM interactions_by_key_day WHERE occurred_on >= date '2026-04-02' ORDER BY 1")
    assert rows == [["8.00"], ["9.00"]]


def test_customers_whose_sums_cannot_be_right_are_rows_to_look_into(
    stack: Stack, dbt_variables: dict[str, str]
) -> None:
    unrecorded, unpriced = "email:gg08", "email:hh09"
    insert(
        stack,
        ("e-60", "order_placed", "2026-04-04 10:00:00", "2026-04-04 10:00:00", unrecorded, "4.00"),
        ("e-61", "order_placed", "2026-04-04 11:00:00", "2026-04-04 11:00:00", unpriced, "6.00"),
    )
    without_currency = ("e-62", "order_placed", "2026-04-04 12:00:00", "2026-04-04 12:00:00", unpriced, "2.50")
    insert(stack, without_currency, currency=None)
    stack.query(
        f"INSERT INTO {lake.CURATED}.identifier_map (identifier_key, person_id, version) "
        f"VALUES ('{unrecorded}', 'p_7', 3), ('{unpriced}', 'p_8', 3)"
    )
    stack.query(
        f"INSERT INTO {lake.CURATED}.identity_map (record_id, person_id, valid_from, run_id, version) "
        "VALUES ('crm_contacts:C8', 'p_8', timestamp '2026-04-01 00:00:00 UTC', 'run-3', 3)"
    )
    stack.query(
        f"INSERT INTO {lake.CURATED}.profiles (person_id, identity_version, event_count, computed_at, spend, segments, "
        "record_count) VALUES ('p_8', 3, 2, timestamp '2026-04-04 12:00:01 UTC', decimal '5.00', "
        "cast(array[] as array(varchar)), 1)"
    )
    build(dbt_variables)

    found = stack.query(
        'SELECT person_id, "check", detail, since FROM customer_quality '
        "WHERE person_id IN ('p_7', 'p_8') ORDER BY person_id, \"check\""
    )
    nobody = "the map of identifiers names the person, the map of records does not"
    assert found == [
        ["p_7", "no_current_record", nobody, "2026-04-04 10:00:00.000000"],
        ["p_8", "amount_without_currency", "2.50", "2026-04-04 12:00:00.000000"],
        ["p_8", "profile_disagrees", "profile 5.00, interactions 6.00", "2026-04-04 12:00:00.000000"],
    ]


def test_the_check_of_the_sums_reads_the_newest_days_alone(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """Orders vanish from the lake: on an old day nobody looks for them, on a new day somebody is warned."""
    one = ("test", "--select", "spend_reconciles_with_interactions")

    def warned() -> bool:
        done = run_dbt(dbt_variables, *one)
        assert done.returncode == 0, done.stdout[-4000:]
        return "WARN=1" in done.stdout

    insert(
        stack,
        ("e-70", "order_placed", "2026-03-10 10:00:00", "2026-04-05 10:00:00", lake.CRM, "3.00"),
        ("e-71", "order_placed", "2026-04-05 10:00:00", "2026-04-05 10:00:00", lake.CRM, "3.00"),
    )
    build(dbt_variables)
    assert not warned()
    stack.query(f"DELETE FROM {lake.RAW}.interactions WHERE event_id = 'e-70'")
    assert not warned()
    stack.query(f"DELETE FROM {lake.RAW}.interactions WHERE event_id = 'e-71'")
    assert warned()
    build(dbt_variables, "--full-refresh")


def test_a_build_without_news_changes_nothing(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """By now the views have been made more often than their earlier versions are kept."""
    build(dbt_variables)
    before = contents(stack)
    for _ in range(2):
        build(dbt_variables)
    assert contents(stack) == before
    files = stack.query('SELECT count(*) FROM "interactions_by_key_day$files" WHERE content = 0')
    assert files == [["2"]], "one for each year: every build merges the files that it wrote"
