"""Settings that all functions and jobs share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.shared import Slice

RetentionDays = Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653]
SparkService = Literal["glue", "emr_serverless"]

_JOBS: Final = Path(__file__).resolve().parents[1] / "glue_jobs"
# Jobs that use something that only Glue has, and what.
_ONLY_ON_GLUE: Final = {
    "check_tables": "Glue's data quality judges the tables",
    "extract_tables": "it meets its database through a connection of Glue",
    "ingest_files": "Glue's data quality judges the rows",
    "recommend": "it needs numpy, which EMR's images do not have for our Python",
}


def spark_jobs() -> tuple[str, ...]:
    """Return the names of the Spark jobs: of the folders that have a script."""
    return tuple(sorted(script.parent.name for script in _JOBS.glob("*/main.py")))


def _spark_job(name: str) -> str:
    if name not in spark_jobs():
        raise ValueError(f"there is no such Spark job; write one of {', '.join(spark_jobs())}")
    return name


SparkJobName = Annotated[str, AfterValidator(_spark_job)]


class SparkSettings(Slice):
    """Where the Spark jobs run."""

    services: Mapping[SparkJobName, SparkService] = Field(
        {},
        description="The service that runs a job, by the job's name, which is a folder of `glue_jobs/`: glue, or "
        "emr_serverless. A job that is not named runs on Glue",
    )

    @model_validator(mode="after")
    def _glue_keeps_what_only_it_can_run(self) -> Self:
        for job, reason in _ONLY_ON_GLUE.items():
            if self.services.get(job, "glue") != "glue":
                raise ValueError(f"{job} runs on Glue only: {reason}; write glue, or leave the job out")
        return self

    def service(self, job: str) -> SparkService:
        """Return the service that runs a job."""
        return self.services.get(job, "glue")


class RuntimeSettings(Slice):
    """Settings that all functions and jobs share."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_retention_days: RetentionDays = 30
    powertools_layer_version: int = Field(
        27, ge=1, description="Version of the layer that AWS publishes for Powertools for AWS Lambda (Python) 3"
    )
    reserved_concurrency: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="Per function; empty leaves functions in the account's shared pool. A reader of "
        "a queue has two at work at least",
    )
    spark: SparkSettings = SparkSettings()
