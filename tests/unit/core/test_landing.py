"""Landed objects: read as S3 tells of them, gathered into runs, listed and read again."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.landing import (
    MAX_RUN_BYTES,
    MAX_RUN_FILES,
    LandedFile,
    ManifestError,
    is_probe,
    manifest_text,
    of_event,
    read_manifest,
    revision_of,
    runs,
)

EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "time": "2026-03-02T05:00:00Z",
    "detail": {
        "bucket": {"name": "landing"},
        "object": {"key": "crm_contacts/März 1+2%.csv", "size": 12, "etag": "e", "sequencer": "0062"},
    },
}

files = st.builds(
    LandedFile,
    bucket=st.just("landing"),
    key=st.text(min_size=1, max_size=3),
    landed_at=st.integers(0, 59).map(lambda second: f"2026-03-02T05:00:{second:02}Z"),
    size=st.integers(0, MAX_RUN_BYTES + 1),
)


def landed(key: str, second: int = 0, size: int = 1) -> LandedFile:
    return LandedFile(bucket="landing", key=key, landed_at=f"2026-03-02T05:00:{second:02}Z", size=size)


def test_the_key_of_an_event_is_used_unchanged() -> None:
    assert of_event(json.dumps(EVENT)) == LandedFile(
        bucket="landing", key="crm_contacts/März 1+2%.csv", landed_at="2026-03-02T05:00:00Z", size=12
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON object"),
        ("[]", "expected a JSON object"),
        (json.dumps({**EVENT, "detail": None}), "detail: expected a JSON object"),
        (json.dumps({**EVENT, "time": ""}), "time: expected text"),
        (json.dumps({**EVENT, "detail": {"bucket": {"name": 1}, "object": {"key": "a"}}}), "name: expected text"),
        (json.dumps({**EVENT, "detail": {"bucket": {"name": "b"}, "object": {}}}), "key: expected text"),
    ],
)
def test_a_message_without_an_object_is_refused_by_field(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        of_event(text)


@given(st.lists(files, max_size=3 * MAX_RUN_FILES))
def test_every_object_is_in_exactly_one_run_the_earliest_first(some: list[LandedFile]) -> None:
    cut = list(runs(some))
    taken = [file for run in cut for file in run]
    assert len({file.key for file in taken}) == len(taken)
    assert {file.key for file in taken} == {file.key for file in some}
    assert all(one.landed_at <= other.landed_at for one, other in pairwise(taken))
    for run in cut:
        assert 0 < len(run) <= MAX_RUN_FILES
        assert len(run) == 1 or sum(file.size for file in run) <= MAX_RUN_BYTES


def test_a_burst_makes_few_runs() -> None:
    cut = list(runs(landed(f"{number}.csv", number % 60) for number in range(500)))
    assert len(cut) == 3


def test_an_object_that_landed_twice_is_read_once_in_its_later_place() -> None:
    (run,) = runs([landed("a.csv", 1), landed("b.csv", 2), landed("a.csv", 3)])
    assert [file.key for file in run] == ["b.csv", "a.csv"]


@given(st.lists(files, min_size=1, max_size=5))
def test_a_list_survives_a_round_trip(some: list[LandedFile]) -> None:
    assert read_manifest(manifest_text(some)) == tuple(some)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "files: expected a list"),
        ('{"files": []}', "files: expected a list"),
        ('{"files": [1]}', r"files\[0\]: expected a JSON object"),
        ('{"files": [{"bucket": "b", "landed_at": "t"}]}', "key: expected text"),
    ],
)
def test_an_invalid_list_is_refused_by_field(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        read_manifest(text)


@pytest.mark.parametrize(
    ("key", "revision"),
    [
        ("bands/2026-03-01T09:30:00.123Z/3afc623e099e6fcc8e7aae4c2cd54f93/a.csv", "3afc623e099e6fcc8e7aae4c2cd54f93"),
        ("bands/2026-03-01T09:30:00Z/3afc623e099e6fcc8e7aae4c2cd54f93/x/y.csv", "3afc623e099e6fcc8e7aae4c2cd54f93"),
        ("bands/2026-03-01/3afc623e099e6fcc8e7aae4c2cd54f93/a.csv", None),
        ("bands/2026-03-01T09:30:00Z/short/a.csv", None),
        ("bands/2026-03-01T09:30:00Z/3afc623e099e6fcc8e7aae4c2cd54f93/", None),
        ("bands/day.csv", None),
    ],
)
def test_the_revision_of_a_landed_object(key, revision):
    found = revision_of(LandedFile(bucket="b", key=key, landed_at="2026-05-01T00:00:00Z", size=1))
    if revision is None:  # dropped by hand: a revision of its own, made when it landed
        assert found.id.startswith("file-")
        assert found.made_at.isoformat() == "2026-05-01T00:00:00+00:00"
    else:
        assert (found.id, found.made_at.date().isoformat()) == (revision, "2026-03-01")


def test_the_object_by_which_data_exchange_looks_is_no_file():
    assert is_probe("_ADX-TEST-123456789012#")
    assert is_probe("demographics/_ADX-TEST-123456789012#")
    assert not is_probe("demographics/ADX-TEST.csv")
