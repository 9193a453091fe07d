"""Rows that models score become records of the Feature Store, of people who have a profile, page by page."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.features import FeatureKind, FeatureValue
from c360_core.profile import Profile
from lambdas.feature_records import handler
from lambdas.feature_records.logic import FeatureKeeper, FeatureLineError
from tests.factories.profiles import profile
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import TABLE, Cloud

AT = datetime(2026, 3, 3, 8, tzinfo=UTC)
KINDS = {"person_id": FeatureKind.STRING, "cut_on": FeatureKind.STRING, "orders": FeatureKind.INTEGRAL}


class People:
    """Profiles of some people."""

    def __init__(self, *known: str) -> None:
        self._known = known

    def profiles(self, person_ids: Iterable[str]) -> Mapping[str, Profile]:
        return {name: profile(name) for name in person_ids if name in self._known}


class Store:
    """Keeps records, or refuses."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses, self.records = refuses, list[Sequence[FeatureValue]]()

    def __call__(self, record: Sequence[FeatureValue]) -> None:
        if self.refuses:
            raise RuntimeError("busy")
        self.records.append(record)

    def people(self) -> list[str]:
        return sorted(
            one["ValueAsString"] for record in self.records for one in record if one["FeatureName"] == "person_id"
        )


def line(person: str, orders: object = 3.0) -> bytes:
    return json.dumps({"person_id": person, "cut_on": "2026-03-01", "currency": "USD", "orders": orders}).encode()


def keeper(store: Store) -> FeatureKeeper:
    return FeatureKeeper(view=People("p_1", "p_2"), put=store, kinds=KINDS)


def test_people_with_a_profile_have_a_record_and_others_have_none() -> None:
    store = Store()
    progress = keeper(store).keep([line("p_1"), line("p_gone"), line("p_2", None)], at=AT, after=0)

    assert store.people() == ["p_1", "p_2"]
    assert (progress.lines, progress.records, progress.unknown, progress.done) == (3, 2, 1, True)


def test_calls_go_on_where_the_one_before_has_ended() -> None:
    store, lines = Store(), [line("p_1"), line("p_2"), line("p_1")]
    first = keeper(store).keep(lines, at=AT, after=0, most=2)
    assert (first.lines, first.done) == (2, False)
    last = keeper(store).keep(lines, at=AT, after=first.lines, most=2)
    assert (last.lines, last.done, len(store.records)) == (3, True, 3)


def test_what_the_store_refuses_fails_the_call() -> None:
    with pytest.raises(RuntimeError, match="busy"):
        keeper(Store(refuses=True)).keep([line("p_1")], at=AT, after=0)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [(b"{", "line 2: it is no JSON"), (b"[]", "line 2: expected the columns"), (line("p_1", 1.5), "line 2: .*orders")],
)
def test_a_line_that_is_no_row_is_named(bad: bytes, fault: str) -> None:
    with pytest.raises(FeatureLineError, match=fault):
        keeper(Store()).keep([line("p_1"), bad], at=AT, after=0)


def test_the_function_keeps_the_rows_of_a_file(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.put_profile(profile("p_1"), now=AT)
    put: list[dict[str, Any]] = []
    client = type("Client", (), {"put_record": staticmethod(lambda **request: put.append(request))})
    files = type("Files", (), {"get_object": staticmethod(lambda **_: {"Body": _Body(line("p_1") + b"\n")})})
    monkeypatch.setattr("lambdas.feature_records.handler.aws.feature_store", lambda: client)
    monkeypatch.setattr("lambdas.feature_records.handler.aws.s3", lambda: files)
    for name, value in {
        "ENVIRONMENT": "dev",
        "SINGLE_VIEW_TABLE": TABLE,
        "FEATURE_GROUP_NAME": "c360-dev-customers",
        "FEATURE_KINDS": json.dumps(KINDS),
    }.items():
        monkeypatch.setenv(name, value)
    handler._keeper.cache_clear()
    event = {"bucket": "b", "key": "k", "lines": 0, "recorded_at": "2026-03-03T08:00:00.000Z"}

    assert handler.handle(event, LambdaContext()) == {"lines": 1, "done": True}
    assert [one["FeatureGroupName"] for one in put] == ["c360-dev-customers"]
    assert {"FeatureName": "orders", "ValueAsString": "3"} in put[0]["Record"]


class _Body(io.BytesIO):
    def iter_chunks(self) -> Iterable[bytes]:
        yield self.read()
