"""What a run gets from its application and its request: Spark's properties, the script, and the limits."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twin.emulator.wire import ServiceError
from twin.engines.scripts import JobDefinitionError
from twin.engines.spark import SUPPORTED_EMR_RELEASES

Document = Mapping[str, Any]

DEFAULTS: Final = "spark-defaults"
ICEBERG: Final = "org.apache.iceberg"
ICEBERG_JAR: Final = "/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar"
PYTHON: Final = "/usr/bin/python3.11"
# Where the driver and the executors find their interpreter. Without it they take the image's Python 3.9.
INTERPRETERS: Final = ("spark.emr-serverless.driverEnv.PYSPARK_PYTHON", "spark.executorEnv.PYSPARK_PYTHON")
# EMR Serverless uses these itself: how large workers are, and what they find.
CONSUMED: Final = (
    "spark.driver.",
    "spark.dynamicAllocation.",
    "spark.emr-serverless.",
    "spark.executor.",
    "spark.executorEnv.",
    "spark.jars",
    "spark.pyspark.",
    "spark.submit.",
)
REFUSED: Final = ("spark.master", "spark.submit.deployMode")
DEFAULT_CORES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A run, with what its application adds to its request.

    Attributes:
        script: `s3://` location.
        arguments: of the script.
        libraries: `s3://` locations of archives for the Python path.
        spark: all properties that were given to Spark.
    """

    script: str
    arguments: Sequence[str]
    libraries: Sequence[str]
    spark: Mapping[str, str]

    @property
    def session(self) -> dict[str, str]:
        """The properties that are for the session and not for the service."""
        return {name: value for name, value in self.spark.items() if not name.startswith(CONSUMED)}


def read(application: Document, request: Document) -> Submission:
    """Return the run that a request asks for.

    Args:
        application: resolved properties of the template's resource.
        request: of StartJobRun, as boto3 names its parts.

    Raises:
        ServiceError: `ValidationException`: AWS would not accept the request, or this stand-in does not know a part.
    """
    driver = request.get("jobDriver", {}).get("sparkSubmit")
    if driver is None:
        raise _invalid("jobDriver: only sparkSubmit runs here")
    own = spark_defaults(application)
    overrides = request.get("configurationOverrides", {}).get("applicationConfiguration", ())
    stated = _parameters(driver.get("sparkSubmitParameters", ""))
    spark = {**own, **_spark_defaults(overrides, "classification", "properties"), **stated}
    if refused := [name for name in REFUSED if name in spark]:
        raise _invalid(f"Option '{refused[0]}' is not supported")
    return Submission(
        script=driver["entryPoint"],
        arguments=list(driver.get("entryPointArguments", ())),
        libraries=[path for path in spark.get("spark.submit.pyFiles", "").split(",") if path],
        spark=spark,
    )


def check(application: Document, submission: Submission) -> None:
    """Refuse a run that cannot run here as it would run on EMR Serverless.

    Raises:
        JobDefinitionError: the message names the property and the fix.
    """
    release, spark = application.get("ReleaseLabel", ""), submission.spark
    if str(application.get("Type", "")).upper() != "SPARK":
        raise JobDefinitionError(f"Type {application.get('Type')!r}: only SPARK runs here.")
    if release not in SUPPORTED_EMR_RELEASES:
        known = ", ".join(SUPPORTED_EMR_RELEASES)
        raise JobDefinitionError(f"ReleaseLabel {release!r}: this engine is Spark 3.5.6, as {known} is. Set {known}.")
    if not (submission.script.startswith("s3://") and submission.script.endswith(".py")):
        raise JobDefinitionError(f"entryPoint {submission.script!r}: only Python scripts on s3:// run here.")
    if any(value.startswith(ICEBERG) for value in spark.values()) and ICEBERG_JAR not in spark.get("spark.jars", ""):
        raise JobDefinitionError(f"spark.jars: add {ICEBERG_JAR}; Spark finds Iceberg's classes only there.")
    if other := [name for name in INTERPRETERS if spark.get(name) != PYTHON]:
        raise JobDefinitionError(f"{other[0]}: set {PYTHON}; the image's own Python is 3.9, and this engine's is not.")
    _fits(application.get("MaximumCapacity"), spark)


def spark_defaults(application: Document) -> dict[str, str]:
    """Return Spark's properties of an application.

    Raises:
        ServiceError: `ValidationException`: the application has a configuration that this stand-in does not know.
    """
    return _spark_defaults(application.get("RuntimeConfiguration", ()), "Classification", "Properties")


def _fits(limits: Document | None, spark: Mapping[str, str]) -> None:
    """Refuse a run whose workers exceed the application's limit of vCPUs; EMR Serverless would never start them."""
    if limits is None:
        return
    executors = int(spark.get("spark.executor.instances", "1"))
    asked = int(spark.get("spark.driver.cores", DEFAULT_CORES)) + executors * int(
        spark.get("spark.executor.cores", DEFAULT_CORES)
    )
    most = int(str(limits["Cpu"]).split()[0])
    if asked > most:
        raise JobDefinitionError(
            f"Worker could not be allocated as the application has exceeded maximumCapacity settings: {asked} vCPU of "
            f"{limits['Cpu']}. Raise MaximumCapacity, or ask for fewer or smaller workers."
        )


def _spark_defaults(configurations: Sequence[Document], kind: str, values: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in configurations:
        if one[kind] != DEFAULTS:
            raise _invalid(f"the laptop twin knows no configuration {one[kind]}; use {DEFAULTS}")
        found |= {name: str(value) for name, value in one.get(values, {}).items()}
    return found


def _parameters(text: str) -> dict[str, str]:
    """Return the properties of `--conf k=v --conf k=v ...`."""
    words = shlex.split(text)
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or any(name != "--conf" for name in names) or any("=" not in pair for pair in values):
        raise _invalid(f"sparkSubmitParameters: the laptop twin knows only --conf name=value, not {text!r}")
    return dict(pair.split("=", 1) for pair in values)


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
