"""Stand-in of AWS Glue DataBrew: runs the deployed jobs, and publishes versions of the deployed recipes.

A run reads the data set through the catalog with the role of its job, in DuckDB. A recipe job runs the steps of the
version that it names; a profile job measures. What a job states and this stand-in does not carry fails the run by name.
Not carried: sessions of projects, rulesets, schedules, data sets that are no table of the catalog.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
from botocore.exceptions import ClientError

from twin.emulator.calls import Require, require_all
from twin.emulator.wire import ServiceError
from twin.principals import RoleSession
from twin.providers.databrew.data import TABLE, DataError, Store, encryption_of, read_table, write_output
from twin.providers.databrew.profile import ProfileError, profile
from twin.providers.databrew.recipe import StepError, run
from twin.providers.databrew.rights import LOG_GROUP, job_calls

LOGGER: Final = logging.getLogger("twin.databrew")

Document = dict[str, Any]
Lookup = Callable[[str], Mapping[str, Any] | None]

WORKING: Final = "LATEST_WORKING"
PUBLISHED: Final = "LATEST_PUBLISHED"
SUCCEEDED: Final = "SUCCEEDED"
ENDED: Final = (SUCCEEDED, "FAILED", "STOPPED", "TIMEOUT")
LONGEST_MESSAGE: Final = 2048
# How severe DataBrew calls an event about the end of a run, and what it says.
_TOLD: Final = {SUCCEEDED: ("INFO", "Job run succeeded"), "FAILED": ("ERROR", "")}


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of a job."""

    id: str
    job: str
    properties: Mapping[str, Any]
    started: datetime
    started_by: str
    state: str = "RUNNING"
    ended: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What the templates deploy: resolved properties by name, None for an unknown one."""

    jobs: Lookup
    recipes: Lookup
    data_sets: Lookup


class DataBrew:
    """The operations that run jobs and publish recipes.

    Args:
        deployed: what the templates deploy.
        kept: the file in which published versions outlive the emulator.
        assume: opens a session of a job's role, by the role's ARN.
        require: checks a call that DataBrew makes for the role; see `twin.emulator.roles.require`.
        clients: gives a client by service name and the variables of a session.
        caller: gives the ARN of whoever asks.
        tell: puts an event on the account's default bus: detail type and detail.
        clock: says what time it is.
    """

    def __init__(
        self,
        *,
        deployed: Deployed,
        kept: Path,
        assume: Callable[[str], RoleSession],
        require: Require,
        clients: Callable[[str, Mapping[str, str]], Any],
        caller: Callable[[], str],
        tell: Callable[[str, Document], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deployed, self._kept = deployed, kept
        self._assume, self._require, self._clients = assume, require, clients
        self._caller, self._tell, self._clock = caller, tell, clock
        self._runs: dict[str, list[Run]] = {}  # by job, the newest first
        self._lock = threading.RLock()

    # ---- recipes

    def publish_recipe(self, request: Document) -> Document:
        """Publish the working version of a recipe, under the next number."""
        name = request["Name"]
        steps = self._recipe(name)["Steps"]
        with self._lock:
            versions = self._published(name)
            number = max((int(one["RecipeVersion"].partition(".")[0]) for one in versions), default=0) + 1
            made = {
                "RecipeVersion": f"{number}.0",
                "Description": request.get("Description", ""),
                "PublishedDate": self._clock().timestamp(),
                "Steps": steps,
            }
            self._keep(name, [*versions, made])
        return {"Name": name}

    def list_recipe_versions(self, request: Document) -> Document:
        """List the published versions of a recipe, which the working one is not."""
        return {"Recipes": [_described(request["Name"], one) for one in self._published(request["Name"])]}

    def describe_recipe(self, request: Document) -> Document:
        """Return a version of a recipe; the newest published one when none is named."""
        return self._version(request["Name"], request.get("RecipeVersion", PUBLISHED))

    def batch_delete_recipe_version(self, request: Document) -> Document:
        """Delete published versions; one that a job uses stays, and the answer says so."""
        name, wanted = request["Name"], request["RecipeVersions"]
        if WORKING in wanted or len(set(wanted)) < len(wanted):
            raise ServiceError("ValidationException", "RecipeVersions: give published versions, each once")
        with self._lock:
            versions = self._published(name)
            there = {one["RecipeVersion"] for one in versions}
            errors = [
                {"RecipeVersion": one, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": "it does not exist"}
                for one in wanted
                if one not in there
            ]
            self._keep(name, [one for one in versions if one["RecipeVersion"] not in wanted])
        return {"Name": name, **({"Errors": errors} if errors else {})}

    def _recipe(self, name: str) -> Mapping[str, Any]:
        found = self._deployed.recipes(name)
        if found is None:
            raise _missing("recipe", name)
        return found

    def _version(self, name: str, wanted: str) -> Document:
        if wanted == WORKING:
            stated = self._recipe(name)
            return _described(name, {"RecipeVersion": WORKING, "Description": "", "Steps": stated["Steps"]})
        # The newest comes last.
        fitting = [one for one in self._published(name) if wanted in (PUBLISHED, one["RecipeVersion"])]
        if not fitting:
            raise _missing("version", f"{wanted} of recipe {name}")
        return _described(name, fitting[-1])

    def _published(self, name: str) -> list[Document]:
        everything: dict[str, list[Document]] = json.loads(self._kept.read_text()) if self._kept.exists() else {}
        return everything.get(name, [])

    def _keep(self, name: str, versions: Sequence[Document]) -> None:
        everything: Document = json.loads(self._kept.read_text()) if self._kept.exists() else {}
        everything[name] = list(versions)
        self._kept.write_text(json.dumps(everything, indent=1), encoding="utf-8")

    # ---- descriptions

    def describe_dataset(self, request: Document) -> Document:
        """Return where a data set is."""
        found = self._deployed.data_sets(request["Name"])
        if found is None:
            raise _missing("dataset", request["Name"])
        return {"Name": request["Name"], "Input": found["Input"]}

    def describe_job(self, request: Document) -> Document:
        """Return what a job does."""
        job = self._job(request["Name"])
        answer: Document = {name: job[name] for name in _OF_JOB if name in job}
        if "Recipe" in job:
            answer["RecipeReference"] = _reference(job)
        return answer

    def _job(self, name: str) -> Mapping[str, Any]:
        found = self._deployed.jobs(name)
        if found is None:
            raise _missing("job", name)
        return found

    # ---- runs

    def start_job_run(self, request: Document) -> Document:
        """Start a run of a job, which goes on in the background."""
        name = request["Name"]
        job = self._job(name)
        with self._lock:
            runs = self._runs.setdefault(name, [])
            if any(one.state not in ENDED for one in runs):
                raise ServiceError("ConflictException", f"the job {name} is running", 409)
            made = Run(
                id=f"db_{uuid.uuid4().hex}{uuid.uuid4().hex}",
                job=name,
                properties=job,
                started=self._clock(),
                started_by=self._caller(),
            )
            runs.insert(0, made)
        threading.Thread(target=self._run, args=(made,), name=f"databrew-{name}", daemon=True).start()
        return {"RunId": made.id}

    def describe_job_run(self, request: Document) -> Document:
        """Return a run with its state."""
        return _run_document(self._found(request["Name"], request["RunId"]))

    def list_job_runs(self, request: Document) -> Document:
        """Return the runs of a job, the newest first."""
        self._job(request["Name"])
        return {"JobRuns": [_run_document(one) for one in self._runs.get(request["Name"], ())]}

    def stop_job_run(self, request: Document) -> Document:
        """Refuse to stop a run: one takes moments here."""
        found = self._found(request["Name"], request["RunId"])
        raise ServiceError("ValidationException", f"the run {found.id} is {found.state}; the twin stops none")

    def _found(self, job: str, run_id: str) -> Run:
        self._job(job)
        found = next((one for one in self._runs.get(job, ()) if one.id == run_id), None)
        if found is None:
            raise _missing("run", f"{run_id} of job {job}")
        return found

    def _run(self, made: Run) -> None:
        try:
            self._work(made)
        except (StepError, DataError, ProfileError, ServiceError, ClientError, duckdb.Error) as error:
            made.error = str(error)
        except Exception as error:  # a run must end in a state, whatever went wrong
            LOGGER.exception("run %s of job %s failed", made.id, made.job)
            made.error = f"{type(error).__name__}: {error}"
        made.ended = self._clock()
        made.state = "FAILED" if made.error else SUCCEEDED
        severity, text = _TOLD[made.state]
        message = (text or made.error)[:LONGEST_MESSAGE]
        detail = {"jobName": made.job, "severity": severity, "state": made.state, "jobRunId": made.id}
        self._tell("DataBrew Job State Change", {**detail, "message": message})

    def _work(self, made: Run) -> None:
        job = made.properties
        source = self._source(job)
        session = self._assume(job["RoleArn"])
        require_all(session.arn, job_calls(job, source), self._require)
        store = Store(s3=self._clients("s3", session.variables()), encryption=encryption_of(job))
        with duckdb.connect() as connection:
            read_table(connection, self._clients("glue", session.variables()), store, source)
            if job["Type"] == "RECIPE":
                self._prepare(connection, job, store)
            else:
                self._profile(connection, made, store)

    def _source(self, job: Mapping[str, Any]) -> Mapping[str, Any]:
        stated: Mapping[str, Any] = self._deployed.data_sets(job["DatasetName"]) or {}
        if "DataCatalogInputDefinition" not in stated.get("Input", {}):
            raise DataError(f"the data set {job['DatasetName']} is no table of the catalog; the twin reads no other")
        source: Mapping[str, Any] = stated["Input"]["DataCatalogInputDefinition"]
        return source

    def _prepare(self, connection: Any, job: Mapping[str, Any], store: Store) -> None:
        if strange := [one for one in ("DataCatalogOutputs", "DatabaseOutputs", "ProjectName") if job.get(one)]:
            raise DataError(f"the laptop twin's recipe job has no {strange[0]}")
        reference = _reference(job)
        version = self._version(reference["Name"], reference["RecipeVersion"])
        table = run(connection, version["Steps"], TABLE)
        for output in job["Outputs"]:
            write_output(connection, table, output, store, job["Name"])

    def _profile(self, connection: Any, made: Run, store: Store) -> None:
        job = made.properties
        if (job.get("JobSample") or {}).get("Mode") != "FULL_DATASET" or job.get("ValidationConfigurations"):
            raise ProfileError("the laptop twin profiles a FULL_DATASET, without rules")
        found = profile(connection, TABLE, job.get("ProfileConfiguration") or {})
        place = job["OutputLocation"]
        key = f"{place.get('Key', '').rstrip('/')}/{made.job}_{made.id}.json"
        store.put(place["Bucket"], key.lstrip("/"), json.dumps(found, indent=1).encode())


_OF_JOB: Final = (
    "Name",
    "Type",
    "DatasetName",
    "RoleArn",
    "EncryptionMode",
    "EncryptionKeyArn",
    "LogSubscription",
    "MaxCapacity",
    "MaxRetries",
    "Timeout",
    "Outputs",
    "JobSample",
    "ProfileConfiguration",
)


def _reference(job: Mapping[str, Any]) -> Document:
    return {"Name": job["Recipe"]["Name"], "RecipeVersion": job["Recipe"].get("Version", PUBLISHED)}


def _described(name: str, version: Document) -> Document:
    answer = {key: version[key] for key in ("RecipeVersion", "Description", "Steps")}
    if "PublishedDate" in version:
        answer["PublishedDate"] = datetime.fromtimestamp(version["PublishedDate"], UTC)
    return {"Name": name, **answer}


def _run_document(made: Run) -> Document:
    job = made.properties
    answer: Document = {
        "RunId": made.id,
        "JobName": made.job,
        "DatasetName": job["DatasetName"],
        "State": made.state,
        "StartedOn": made.started,
        "LogSubscription": job.get("LogSubscription", "DISABLE"),
        "LogGroupName": LOG_GROUP,
    }
    if "Recipe" in job:
        answer["RecipeReference"] = _reference(job)
    if made.started_by:
        answer["StartedBy"] = made.started_by
    if made.ended is not None:
        answer["CompletedOn"] = made.ended
        answer["ExecutionTime"] = int((made.ended - made.started).total_seconds())
    if made.error:
        answer["ErrorMessage"] = made.error
    return answer


def _missing(kind: str, name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"The {kind} {name} wasn't found", 404)
