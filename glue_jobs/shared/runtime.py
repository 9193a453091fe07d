"""The interface between a job and Glue: arguments, session, run id, logging.

Arguments are read with argparse, because awsglue's `getResolvedOptions` exists only inside Glue. Glue adds arguments of
its own, so unknown ones are ignored.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3

from c360_aws.kafka_streams import IAM, Brokers

if TYPE_CHECKING:  # arguments can be read without Spark
    from pyspark.sql import SparkSession

RUN_ID_ARGUMENT: Final = "--JOB_RUN_ID"  # set by Glue
REGION_ARGUMENT: Final = "--region"
BROKERS_ARGUMENT: Final = "--stream_brokers"
SECURITY_ARGUMENT: Final = "--stream_security"
CREATED_ARGUMENT: Final = "--streams_created_at"

_Arguments = TypeVar("_Arguments")


class ArgumentError(ValueError):
    """An argument is missing; the message names it and where to set it."""


def read_arguments(model: type[_Arguments], argv: Sequence[str] | None = None) -> _Arguments:
    """Return the job's arguments as an instance of a dataclass; its fields are texts with the names of the arguments.

    Raises:
        ArgumentError: an argument without a default is missing or empty.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    declared: Any = fields(model)  # type: ignore[arg-type]
    for field in declared:
        parser.add_argument(f"--{field.name}", default=None)
    given, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    values = {name: value for name, value in vars(given).items() if value}
    missing = [field.name for field in declared if field.default is MISSING and field.name not in values]
    if missing:
        names = ", ".join(f"--{name}" for name in missing)
        raise ArgumentError(f"{model.__name__}: missing {names}; set it in the job's DefaultArguments or for the run")
    return model(**values)


def glue_run_id(argv: Sequence[str] | None = None) -> str:
    """Return Glue's id of this run, or `manual` if a person runs the script."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument(RUN_ID_ARGUMENT, dest="run_id", default="manual")
    given, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    return str(given.run_id)


def region(argv: Sequence[str] | None = None) -> str:
    """Return the region from the job's arguments, or else from the environment.

    Raises:
        ArgumentError: neither has a region.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument(REGION_ARGUMENT, dest="region", default=None)
    given, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    found = given.region or boto3.session.Session().region_name
    if not found:
        raise ArgumentError(f"no region: set {REGION_ARGUMENT} in the job's DefaultArguments, or AWS_DEFAULT_REGION")
    return str(found)


def stream_brokers(argv: Sequence[str] | None = None) -> Brokers | None:
    """Return the brokers that the job's arguments name, or None if its streams are on Kinesis.

    Raises:
        ValueError: the arguments ask for a connection of a kind that is not known.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument(BROKERS_ARGUMENT, dest="servers", default=None)
    parser.add_argument(SECURITY_ARGUMENT, dest="security", default=IAM)
    given, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    return Brokers.of(given.servers, given.security) if given.servers else None


def streams_created_at(argv: Sequence[str] | None = None) -> int | None:
    """Return when the streams were created, in epoch milliseconds, if the job's arguments say it."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument(CREATED_ARGUMENT, dest="created", type=int, default=None)
    given, _ = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    return None if given.created is None else int(given.created)


def spark_session() -> "SparkSession":
    """Return the session as configured by Glue or by whoever runs the script."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    return session


def start_logging(job: str) -> logging.Logger:
    """Log to standard error, which Glue sends to CloudWatch; return the job's logger."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    return logging.getLogger(job)
