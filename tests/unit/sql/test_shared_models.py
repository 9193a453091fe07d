"""Who is in the tables that partners may ask about: only customers who agreed, under addresses that are theirs alone.

The models run in DuckDB on a few rows; `tests/engines/trino` builds them with dbt on the twin's Athena.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
import sqlglot

SQL = Path(__file__).resolve().parents[3] / "sql"
MODELS = SQL / "models"
SCHEMA = """
CREATE TABLE customer_events (
  event_type TEXT, topic TEXT, channel TEXT, granted BOOLEAN, occurred_at TIMESTAMP, customer_key TEXT, currency TEXT,
  amount DECIMAL(38, 2)
);
CREATE TABLE identifier_map (identifier_key TEXT, person_id TEXT);
CREATE TABLE identity_map (record_id TEXT, person_id TEXT, valid_to TIMESTAMP);
CREATE TABLE identity_records (
  record_id TEXT, email TEXT, first_name TEXT, last_name TEXT, birth_date TEXT, street TEXT, postal_code TEXT,
  phone TEXT, updated_at TIMESTAMP
);
CREATE TABLE profile_states (person_id TEXT, state TEXT, loyalty_tier TEXT);
CREATE TABLE person_activity (person_id TEXT, currency TEXT, orders BIGINT, spend DECIMAL(38, 2));
CREATE TABLE segment_membership (person_id TEXT, segment TEXT);
"""


class Build:
    """The shared models, as a build of dbt computes them."""

    def __init__(self) -> None:
        self.engine = duckdb.connect()
        self.engine.execute(SCHEMA)

    def insert(self, table: str, *rows: tuple[Any, ...]) -> None:
        marks = ", ".join("?" for _ in rows[0])
        self.engine.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)

    def person(self, person: str, *addresses: str) -> None:
        """Add a customer with a record for each address."""
        self.insert("identifier_map", (f"key:{person}", person))
        for number, address in enumerate(addresses):
            self.insert("identity_map", (f"{person}-{number}", person, None))
            self.engine.execute(
                "INSERT INTO identity_records (record_id, email, last_name, updated_at) VALUES (?, ?, ?, ?)",
                [f"{person}-{number}", address, f"name {number}", f"2026-01-0{number + 1}"],
            )

    def answer(self, person: str, at: str, *, granted: bool, channel: str = "email", topic: str = "marketing") -> None:
        self.insert(
            "customer_events",
            ("consent_changed", topic, channel, granted, f"2026-01-01 {at}", f"key:{person}", None, None),
        )

    def order(self, person: str, at: str, amount: str, currency: str = "USD") -> None:
        self.insert("customer_events", ("order_placed", None, None, None, at, f"key:{person}", currency, amount))

    def view(self) -> None:
        for name in ("stg_shared_addresses", "stg_shared_numbers"):
            self.engine.execute(f"CREATE OR REPLACE VIEW {name} AS {self.sql(f'staging/{name}')}")

    def sql(self, model: str, *, built: bool = False) -> str:
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701  # SQL, and no page
        macros = (SQL / "macros" / "shared.sql").read_text(encoding="utf-8")
        text = (MODELS / f"{model}.sql").read_text(encoding="utf-8")
        rendered = environment.from_string(macros + text).render(
            ref=lambda name: name,
            source=lambda _, name: name,
            config=lambda **_: "",
            none=None,
            env_var=lambda *_: "high_spenders,midwest",
            is_incremental=lambda: built,
            this=model.rpartition("/")[2],
        )
        return sqlglot.transpile(rendered, read="trino", write="duckdb")[0]

    def build(self, model: str) -> set[tuple[Any, ...]]:
        """Merge a model into its table, as its configuration says, and return the rows."""
        self.view()
        name = model.rpartition("/")[2]
        exists = self.engine.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = ?", [name]
        ).fetchone()
        if exists == (0,):
            self.engine.execute(f"CREATE TABLE {name} AS {self.sql(model)}")
        else:
            self.engine.execute(f"CREATE OR REPLACE TEMP TABLE news AS {self.sql(model, built=True)}")
            gone = self.engine.execute("SELECT * EXCLUDE is_shared FROM news WHERE NOT is_shared").fetchall()
            rows = self.engine.execute("SELECT * FROM news WHERE is_shared").fetchall()
            kept = set(self.engine.execute(f"SELECT * EXCLUDE is_shared FROM {name}").fetchall())
            assert set(gone) <= kept, "what is deleted is what is there"
            self.engine.execute(f"DELETE FROM {name}")
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                self.engine.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        return set(self.engine.execute(f"SELECT * EXCLUDE is_shared FROM {name}").fetchall())

    def shared(self) -> set[str]:
        """Return the hashes that are shared."""
        return {row[0] for row in self.build("shared/shared_people")}


def hash_of(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


@pytest.fixture
def build() -> Iterator[Build]:
    made = Build()
    yield made
    made.engine.close()


def test_an_address_is_the_hash_that_partners_compute(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.answer("p_1", "10:00", granted=True)
    assert build.shared() == {hash_of("ann@example.com")}
    assert re.fullmatch("[0-9a-f]{64}", next(iter(build.shared())))


@pytest.mark.parametrize(
    ("answers", "is_shared"),
    [
        ([], False),
        ([("10:00", True, "email", "marketing")], True),
        ([("10:00", True, "any", "marketing")], True),
        ([("10:00", True, "sms", "marketing")], False),
        ([("10:00", True, "email", "analytics")], False),
        ([("10:00", True, "email", "marketing"), ("11:00", False, "email", "marketing")], False),
        ([("10:00", True, "email", "marketing"), ("11:00", False, "any", "marketing")], False),
        ([("10:00", False, "any", "marketing"), ("11:00", True, "email", "marketing")], True),
        ([("11:00", True, "email", "marketing"), ("10:00", False, "email", "marketing")], True),
        ([("10:00", True, "email", "marketing"), ("10:00", False, "email", "marketing")], False),
        ([("10:00", True, "email", "marketing"), ("11:00", False, "sms", "marketing")], True),
        ([("10:00", True, "email", "marketing"), ("11:00", False, "email", "analytics")], True),
    ],
)
def test_the_newest_answer_to_marketing_by_email_counts(
    build: Build,
    answers: list[tuple[str, bool, str, str]],
    is_shared: bool,  # a case of the table
) -> None:
    build.person("p_1", "ann@example.com")
    for at, granted, channel, topic in answers:
        build.answer("p_1", at, granted=granted, channel=channel, topic=topic)
    assert bool(build.shared()) is is_shared


def test_an_address_of_two_people_belongs_to_nobody(build: Build) -> None:
    build.person("p_1", "we@example.com", "ann@example.com")
    build.person("p_2", "we@example.com")
    build.answer("p_1", "10:00", granted=True)
    build.answer("p_2", "10:00", granted=True)
    assert build.shared() == {hash_of("ann@example.com")}


def test_several_addresses_of_one_person_are_all_theirs(build: Build) -> None:
    build.person("p_1", "ann@example.com", "ann@example.com", "a@example.org")
    build.answer("p_1", "10:00", granted=True)
    assert build.shared() == {hash_of("ann@example.com"), hash_of("a@example.org")}


def test_who_was_merged_or_erased_is_not_shared(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.answer("p_1", "10:00", granted=True)
    build.engine.execute("UPDATE identity_map SET valid_to = TIMESTAMP '2026-01-02'")
    assert build.shared() == set()


def test_who_withdraws_is_deleted_by_the_next_build(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.person("p_2", "bob@example.com")
    for person in ("p_1", "p_2"):
        build.answer(person, "10:00", granted=True)
        build.insert("segment_membership", (person, "midwest"))
        build.order(person, "2026-01-03 09:00", "10.00")
    assert build.shared() == {hash_of("ann@example.com"), hash_of("bob@example.com")}
    assert len(build.build("shared/shared_segments")) == 2
    assert len(build.build("shared/shared_orders")) == 2
    build.answer("p_2", "12:00", granted=False)
    assert build.shared() == {hash_of("ann@example.com")}
    assert build.build("shared/shared_segments") == {
        (hash_of("ann@example.com"), "midwest", hash_of("ann@example.com")[:32])
    }
    assert {row[0] for row in build.build("shared/shared_orders")} == {hash_of("ann@example.com")}


def test_a_segment_that_bought_data_made_is_not_shared(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.answer("p_1", "10:00", granted=True)
    for segment in ("families", "high_income", "midwest", "unhappy"):
        build.insert("segment_membership", ("p_1", segment))
    assert {row[1] for row in build.build("shared/shared_segments")} == {"midwest"}


def test_facts_and_orders_add_up(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.answer("p_1", "10:00", granted=True)
    build.insert("profile_states", ("p_1", "CA", "gold"))
    build.insert("person_activity", ("p_1", "USD", 2, "30.00"))
    for at, amount in (("2026-01-03 09:00", "10.00"), ("2026-01-03 23:59", "5.00"), ("2026-01-04 00:00", "15.00")):
        build.order("p_1", at, amount)
    [person] = build.build("shared/shared_people")
    id_ = hash_of("ann@example.com")
    assert tuple(map(str, person)) == (id_, "CA", "gold", "USD", "2", "30.00", id_[:32])
    orders = sorted(tuple(map(str, row[1:])) for row in build.build("shared/shared_orders"))
    assert orders == [("2026-01-03", "USD", "2", "15.00"), ("2026-01-04", "USD", "1", "15.00")]


def test_somebody_without_orders_is_a_customer_too(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.answer("p_1", "10:00", granted=True)
    [person] = build.build("shared/shared_people")
    assert tuple(map(str, person[1:6])) == ("None", "None", "None", "0", "0.00")


def test_entity_resolution_gets_the_newest_record_of_who_agreed_as_hashes(build: Build) -> None:
    build.person("p_1", "ann@example.com", "ann@example.com")
    build.person("p_2", "bob@example.com")
    build.answer("p_1", "10:00", granted=True)
    build.view()
    rows = build.engine.execute(build.sql("shared/shared_identities")).fetchall()
    nothing = None
    id_ = hash_of("ann@example.com")
    assert rows == [
        (id_[:32], nothing, hash_of("name 1"), nothing, nothing, nothing, id_, nothing, "all"),
    ]


# ---- whom advertising platforms are told of


def with_number(build: Build, person: str, number: str) -> None:
    """Give a customer a record with a phone number, in its normal form."""
    build.insert("identity_map", (f"{person}-phone", person, None))
    build.engine.execute("INSERT INTO identity_records (record_id, phone) VALUES (?, ?)", [f"{person}-phone", number])


def audiences(build: Build) -> set[tuple[Any, ...]]:
    return build.build("shared/shared_audiences")


def test_platforms_hear_of_an_address_and_a_number_each_by_the_consent_to_its_channel(build: Build) -> None:
    for person, channel in (("p_1", "email"), ("p_2", "sms"), ("p_3", "any")):
        build.person(person, f"{person}@example.com")
        with_number(build, person, f"+1415555010{person[-1]}")
        build.answer(person, "10:00", granted=True, channel=channel)
        build.insert("segment_membership", (person, "high_spenders"))

    def address(person: str) -> tuple[str, str, str, str]:
        return ("high_spenders", "email", hash_of(f"{person}@example.com"), hash_of(f"{person}@example.com"))

    def number(person: str) -> tuple[str, str, str, str]:
        digits = f"1415555010{person[-1]}"
        return ("high_spenders", "phone", hash_of(f"+{digits}"), hash_of(digits))

    assert audiences(build) == {address("p_1"), number("p_2"), address("p_3"), number("p_3")}


def test_platforms_hear_of_no_other_segment_than_the_settings_name(build: Build) -> None:
    build.person("p_1", "ann@example.com")
    build.answer("p_1", "10:00", granted=True)
    for segment in ("midwest", "families"):
        build.insert("segment_membership", ("p_1", segment))
    assert {row[0] for row in audiences(build)} == {"midwest"}


def test_a_number_of_two_people_belongs_to_nobody(build: Build) -> None:
    for person in ("p_1", "p_2"):
        build.person(person, f"{person}@example.com")
        with_number(build, person, "+14155550100")
        build.answer(person, "10:00", granted=True, channel="any")
        build.insert("segment_membership", (person, "midwest"))
    assert {row[1] for row in audiences(build)} == {"email"}


def test_who_withdraws_leaves_a_segment_or_is_erased_is_gone_after_the_next_build(build: Build) -> None:
    for person in ("p_1", "p_2", "p_3", "p_4"):
        build.person(person, f"{person}@example.com")
        build.answer(person, "10:00", granted=True)
        build.insert("segment_membership", (person, "midwest"))
    assert len(audiences(build)) == 4
    build.answer("p_1", "11:00", granted=False, channel="any")
    build.engine.execute("DELETE FROM segment_membership WHERE person_id = 'p_2'")
    build.engine.execute("UPDATE identity_map SET valid_to = TIMESTAMP '2026-01-02' WHERE person_id = 'p_3'")
    assert {row[2] for row in audiences(build)} == {hash_of("p_4@example.com")}
