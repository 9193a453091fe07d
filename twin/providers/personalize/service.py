"""Stand-in of Amazon Personalize: imports CSV files, trains EASE on them, and keeps campaigns.

Schemas, data sets, solutions, filters and event trackers are those of the templates. A job is done when its request is
answered, so that its first description tells of its end. Models rest in the memory of the emulator. What is streamed
counts in filters at once, and in scores after the next training. Not carried: recommenders of domains, segments, data
deletion and export jobs, item exploration, automatic training.
"""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from c360_core.recommendation.filters import parse
from glue_jobs.recommend.model import Interaction, Learned, learn
from twin.emulator.resource_names import arn
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.providers.personalize.data import (
    INTERACTIONS,
    ITEMS,
    DataError,
    Row,
    attributes,
    enough,
    fields_of,
    interaction,
    read_rows,
)

Document = dict[str, Any]

SERVICE: Final = "personalize.amazonaws.com"
ACTIVE: Final = "ACTIVE"
FAILED: Final = "CREATE FAILED"
_FULL: Final = "FULL"


class Deployed(Protocol):
    """What the templates deploy, by kind."""

    def __call__(self, kind: str) -> Sequence[Resource]:
        """Return the resources of a kind, such as `Dataset`."""


class Files(Protocol):
    """The files that a role, and the service by the bucket's policy, may use."""

    def texts(self, role: str, location: str) -> Iterable[tuple[str, str]]:
        """Yield name and text of each file under a location."""

    def write(self, role: str, location: str, text: str) -> None:
        """Write a file."""


@dataclass(slots=True, kw_only=True)
class Made:
    """Something that a request made.

    Attributes:
        stated: what its description says beside status and times.
    """

    arn: str
    stated: Document
    status: str = ACTIVE
    reason: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def described(self) -> Document:
        """Return its description."""
        times = {"creationDateTime": self.at, "lastUpdatedDateTime": self.at}
        why = {} if self.reason is None else {"failureReason": self.reason}
        return {**self.stated, "status": self.status, **why, **times}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A trained model, with the recipe that it stands for."""

    learned: Learned
    group: str
    recipe: str


class Personalize:
    """The operations of the control plane.

    Args:
        deployed: what the templates deploy.
        files: reads and writes S3 for the service.
    """

    def __init__(self, *, deployed: Deployed, files: Files) -> None:
        self._deployed, self._files = deployed, files
        self._rows: dict[str, list[Row]] = {}  # by data set
        self._streamed: dict[str, list[Interaction]] = {}  # by data set group
        self._made: dict[str, Made] = {}
        self._versions: dict[str, Version] = {}
        self._manual: set[str] = set()  # solutions whose automatic training is off
        self._lock = threading.RLock()

    # ---- data sets

    def create_dataset_import_job(self, request: Document) -> Document:
        """Import the files under a location into a data set, with the role of the request."""
        data_set, name = self._found("Dataset", request["datasetArn"]), request["jobName"]
        made = self._new(f"dataset-import-job/{name}", "datasetImportJob", request)
        try:
            rows = list(self._read(data_set, request["roleArn"], request["dataSource"]["dataLocation"]))
        except (DataError, ClientError) as error:
            made.status, made.reason = FAILED, str(error)
        else:
            kept = [] if request.get("importMode", _FULL) == _FULL else self._rows.get(request["datasetArn"], [])
            with self._lock:
                self._rows[request["datasetArn"]] = [*kept, *rows]
        return {"datasetImportJobArn": made.arn}

    def describe_dataset_import_job(self, request: Document) -> Document:
        """Describe an import."""
        return {"datasetImportJob": self._one(request["datasetImportJobArn"]).described()}

    def _read(self, data_set: Resource, role: str, location: str) -> Iterable[Row]:
        schema = self._found("Schema", data_set.properties["SchemaArn"])
        fields = fields_of(data_set.properties["DatasetType"], schema.properties["Schema"])
        files = list(self._files.texts(role, location))
        if not files:
            raise DataError(f"{location}: there is no file")
        for name, text in files:
            yield from read_rows(text, fields, file=name)

    # ---- training

    def describe_solution(self, request: Document) -> Document:
        """Describe a solution of a template; it trains by itself until it is told not to."""
        found = self._found("Solution", request["solutionArn"])
        return {
            "solution": {
                "solutionArn": request["solutionArn"],
                "name": found.properties["Name"],
                "datasetGroupArn": found.properties["DatasetGroupArn"],
                "recipeArn": found.properties["RecipeArn"],
                "performAutoTraining": request["solutionArn"] not in self._manual,
                "status": ACTIVE,
            }
        }

    def update_solution(self, request: Document) -> Document:
        """Turn the automatic training off or on; AWS refuses what changes nothing."""
        self._found("Solution", request["solutionArn"])
        wanted = bool(request["performAutoTraining"])
        with self._lock:
            if wanted is (request["solutionArn"] not in self._manual):
                raise ServiceError("InvalidInputException", "the update changes nothing")
            (self._manual.discard if wanted else self._manual.add)(request["solutionArn"])
        return {"solutionArn": request["solutionArn"]}

    def create_solution_version(self, request: Document) -> Document:
        """Train a model on what was imported and streamed."""
        solution = self._found("Solution", request["solutionArn"])
        group = solution.properties["DatasetGroupArn"]
        name = solution.properties["Name"]
        number = 1 + sum(one.startswith(f"{request['solutionArn']}/") for one in self._made)
        stated = {"solutionArn": request["solutionArn"], "trainingMode": request.get("trainingMode", _FULL)}
        made = self._new(f"solution/{name}/{number:08x}", "solutionVersion", stated)
        try:
            interactions = self.interactions(group)
            enough(interactions)
            learned = learn(interactions, attributes(self._imported(group, ITEMS)))
        except DataError as error:
            made.status, made.reason = FAILED, str(error)
        else:
            self._versions[made.arn] = Version(learned=learned, group=group, recipe=solution.properties["RecipeArn"])
        return {"solutionVersionArn": made.arn}

    def describe_solution_version(self, request: Document) -> Document:
        """Describe a training."""
        return {"solutionVersion": self._one(request["solutionVersionArn"]).described()}

    def interactions(self, group: str) -> list[Interaction]:
        """Return what is known of a data set group: imported and streamed."""
        imported = [interaction(row) for row in self._imported(group, INTERACTIONS)]
        return [*imported, *self._streamed.get(group, ())]

    def stream(self, group: str, interactions: Iterable[Interaction]) -> None:
        """Add what was streamed."""
        with self._lock:
            self._streamed.setdefault(group, []).extend(interactions)

    def streamed(self, group: str, user_id: str) -> list[Interaction]:
        """Return what was streamed of a user."""
        return [one for one in self._streamed.get(group, ()) if one.user_id == user_id]

    def _imported(self, group: str, kind: str) -> list[Row]:
        for one in self._deployed("Dataset"):
            if (one.properties["DatasetGroupArn"], one.properties["DatasetType"]) == (group, kind):
                return self._rows.get(one.attributes["DatasetArn"], [])
        return []

    # ---- campaigns

    def create_campaign(self, request: Document) -> Document:
        """Make a campaign."""
        self._trained(request["solutionVersionArn"])
        return {"campaignArn": self._new(f"campaign/{request['name']}", "campaign", request).arn}

    def update_campaign(self, request: Document) -> Document:
        """Let a campaign answer by another model."""
        made = self._one(request["campaignArn"])
        if "solutionVersionArn" in request:
            self._trained(request["solutionVersionArn"])
        with self._lock:
            made.stated.update({key: value for key, value in request.items() if key != "campaignArn"})
        return {"campaignArn": made.arn}

    def describe_campaign(self, request: Document) -> Document:
        """Describe a campaign; `latestCampaignUpdate` tells how its last change went."""
        described = self._one(request["campaignArn"]).described()
        return {"campaign": {**described, "latestCampaignUpdate": {"status": ACTIVE}}}

    def delete_campaign(self, request: Document) -> Document:
        """Delete a campaign."""
        self._one(request["campaignArn"])
        with self._lock:
            del self._made[request["campaignArn"]]
        return {}

    def version_of(self, campaign: str) -> Version:
        """Return the model by which a campaign answers."""
        return self._trained(self._one(campaign).stated["solutionVersionArn"])

    # ---- batches

    def create_batch_inference_job(self, request: Document) -> Document:
        """Recommend for each user of a file, and write the answers beside `.out`."""
        version = self._trained(request["solutionVersionArn"])
        made = self._new(f"batch-inference-job/{request['jobName']}", "batchInferenceJob", request)
        try:
            self._infer(version, request)
        except (DataError, ClientError) as error:
            made.status, made.reason = FAILED, str(error)
        return {"batchInferenceJobArn": made.arn}

    def describe_batch_inference_job(self, request: Document) -> Document:
        """Describe a batch."""
        return {"batchInferenceJob": self._one(request["batchInferenceJobArn"]).described()}

    def _infer(self, version: Version, request: Document) -> None:
        from twin.providers.personalize.runtime import recommended

        rule = parse(self.filter_expression(request["filterArn"])) if "filterArn" in request else None
        target = request["jobOutput"]["s3DataDestination"]["path"].rstrip("/")
        for name, text in self._files.texts(request["roleArn"], request["jobInput"]["s3DataSource"]["path"]):
            lines = []
            for line in filter(str.strip, text.splitlines()):
                asked = json.loads(line)
                found = recommended(
                    version, asked["userId"], number=request.get("numResults", 25), context={}, rule=rule
                )
                output = {"recommendedItems": [one.item_id for one in found], "scores": [one.score for one in found]}
                lines.append(json.dumps({"input": asked, "output": output, "error": None}))
            self._files.write(
                request["roleArn"], f"{target}/{name.rpartition('/')[2]}.out", "".join(f"{line}\n" for line in lines)
            )

    # ---- what others look up

    def filter_expression(self, filter_arn: str) -> str:
        """Return the expression of a deployed filter."""
        return str(self._found("Filter", filter_arn).properties["FilterExpression"])

    def context_fields(self, group: str) -> frozenset[str]:
        """Return the columns of the interactions that a request may state."""
        for one in self._deployed("Dataset"):
            if (one.properties["DatasetGroupArn"], one.properties["DatasetType"]) == (group, INTERACTIONS):
                schema = self._found("Schema", one.properties["SchemaArn"]).properties["Schema"]
                return frozenset(fields_of(INTERACTIONS, schema))
        return frozenset()

    def group_of_tracker(self, tracking_id: str) -> str:
        """Return the data set group of an event tracker.

        Raises:
            ServiceError: there is no such tracker.
        """
        for one in self._deployed("EventTracker"):
            if one.attributes["TrackingId"] == tracking_id:
                return str(one.properties["DatasetGroupArn"])
        raise ServiceError("ResourceNotFoundException", f"there is no event tracker with the id {tracking_id}", 404)

    def _found(self, kind: str, wanted: str) -> Resource:
        for one in self._deployed(kind):
            if one.attributes[f"{kind}Arn"] == wanted:
                return one
        raise _missing(wanted)

    def _one(self, wanted: str) -> Made:
        if wanted not in self._made:
            raise _missing(wanted)
        return self._made[wanted]

    def _trained(self, wanted: str) -> Version:
        made = self._one(wanted)
        if made.status != ACTIVE:
            raise ServiceError("ResourceInUseException", f"{wanted} is not active: {made.reason}")
        return self._versions[wanted]

    def _new(self, path: str, kind: str, stated: Mapping[str, Any]) -> Made:
        name = arn("personalize", path)
        with self._lock:
            if name in self._made:
                raise ServiceError("ResourceAlreadyExistsException", f"{name} already exists")
            made = Made(arn=name, stated={f"{kind}Arn": name, **stated})
            self._made[name] = made
        return made


def _missing(wanted: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"{wanted} does not exist")
