"""Arguments of the jobs."""

from dataclasses import dataclass

import pytest

from c360_aws.kafka_streams import Brokers
from glue_jobs.shared.runtime import ArgumentError, glue_run_id, read_arguments, stream_brokers, streams_created_at


@dataclass(frozen=True, kw_only=True)
class Arguments:
    bucket: str
    key: str
    limit: str = "10"


def test_arguments_are_read_and_those_of_glue_are_ignored() -> None:
    argv = [
        "--JOB_NAME",
        "x",
        "--bucket",
        "b",
        "--enable-metrics",
        "true",
        "--key",
        "a b.csv",
        "--job-language",
        "python",
    ]
    assert read_arguments(Arguments, argv) == Arguments(bucket="b", key="a b.csv", limit="10")


def test_an_abbreviation_is_not_an_argument() -> None:
    with pytest.raises(ArgumentError, match="--bucket"):
        read_arguments(Arguments, ["--buck", "b", "--key", "k"])


def test_missing_and_empty_arguments_are_named() -> None:
    with pytest.raises(
        ArgumentError, match=r"Arguments: missing --bucket, --key; set it in the job's DefaultArguments"
    ):
        read_arguments(Arguments, ["--key", ""])


def test_the_run_id_comes_from_glue() -> None:
    assert glue_run_id(["--key", "k", "--JOB_RUN_ID", "jr_1"]) == "jr_1"
    assert glue_run_id(["--key", "k"]) == "manual"


def test_a_job_is_told_where_its_streams_are_if_they_are_on_kafka() -> None:
    given = ["--key", "k", "--stream_brokers", "boot:9098", "--streams_created_at", "1772357400000"]

    assert stream_brokers(given) == Brokers(servers="boot:9098", security="SASL_SSL")
    assert stream_brokers([*given, "--stream_security", "PLAINTEXT"]) == Brokers.of("boot:9098", "PLAINTEXT")
    assert streams_created_at(given) == 1772357400000
    assert (stream_brokers(["--key", "k"]), streams_created_at(["--key", "k"])) == (None, None)
