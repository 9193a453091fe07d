"""Stand-in of AWS Data Exchange: a vendor's revisions, and how a subscriber exports them.

The deployed event actions say which data sets the account has subscribed to, and where their revisions go. A vendor
uses the operations of its side of the service: it makes a revision, imports its assets from a bucket and finalizes it.
From then on subscribers see it, and every event action of its data set exports it.
"""

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.providers.data_exchange.exports import Asset, Destination, ExportError, Revision, export
from twin.settings import ACCOUNT, REGION

LOGGER: Final = logging.getLogger("twin.data_exchange")
EXPORT: Final = "EXPORT_REVISIONS_TO_S3"
IMPORT: Final = "IMPORT_ASSETS_FROM_S3"
PRODUCT: Final = "prod-laptop"
REVISIONS_OF_A_PAGE: Final = 25

Document = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Job:
    """A job that imports assets or exports revisions; it is done when its start answers."""

    id: str
    type: str
    details: Document
    created_at: datetime
    state: str = "WAITING"
    errors: tuple[str, ...] = ()


class DataExchange:
    """The operations that the deployment, its state machines and a vendor need.

    Args:
        actions: gives the deployed event actions.
        s3: gives a client for the objects that Data Exchange reads and writes.
        service_may: says whether the service may write an object for an event action: bucket, key and the action's ARN.
        require_caller: refuses an export for whoever starts it and may not write the object: bucket and key.
        tell: puts an event on the default bus: its type and its detail.
        clock: gives the time.
    """

    def __init__(
        self,
        *,
        actions: Callable[[], Sequence[Resource]],
        s3: Callable[[], Any],
        service_may: Callable[[str, str, str], bool],
        require_caller: Callable[[str, str], None],
        tell: Callable[[str, Document], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._actions, self._s3, self._service_may = actions, s3, service_may
        self._require_caller, self._tell, self._clock = require_caller, tell, clock
        self._revisions: dict[str, Revision] = {}
        self._jobs: dict[str, Job] = {}
        self._lock = threading.RLock()

    # ---- the vendor's side

    def create_revision(self, request: Document) -> Document:
        """Make a revision of a data set that a deployed event action names."""
        data_set = self._data_set(request["DataSetId"])
        revision = Revision(
            id=uuid.uuid4().hex, data_set=data_set, created_at=self._clock(), comment=request.get("Comment", "")
        )
        with self._lock:
            self._revisions[revision.id] = revision
        return self._described(revision)

    def update_revision(self, request: Document) -> Document:
        """Finalize a revision: it is published, and every event action of its data set exports it."""
        revision = self._revision(request["DataSetId"], request["RevisionId"])
        if request.get("Finalized") is not True:
            raise _refused("UpdateRevision: the twin only finalizes revisions, with Finalized=True")
        if not revision.assets:
            raise _refused(f"revision {revision.id} has no assets; import some before it is finalized")
        if not revision.finalized:
            revision.finalized = True
            self._tell("Revision Published To Data Set", self._detail(revision))
            for action in self._actions_of(revision.data_set):
                self._export_by(action, revision)
        return self._described(revision)

    def revoke_revision(self, request: Document) -> Document:
        """Take a published revision back: nobody exports it any more."""
        revision = self._revision(request["DataSetId"], request["RevisionId"], published=True)
        if not revision.revoked:
            revision.revoked = True
            self._tell(
                "Revision Revoked", {**self._detail(revision), "RevocationComment": request["RevocationComment"]}
            )
        return self._described(revision)

    # ---- the subscriber's side

    def list_data_set_revisions(self, request: Document) -> Document:
        """List the published revisions of a data set, the newest first, in pages."""
        data_set = self._data_set(request["DataSetId"])
        with self._lock:
            found = [one for one in self._revisions.values() if one.data_set == data_set and one.finalized]
        found.sort(key=lambda one: one.created_at, reverse=True)
        begin = int(request.get("NextToken") or 0)
        end = begin + int(request.get("MaxResults") or REVISIONS_OF_A_PAGE)
        answer: Document = {"Revisions": [self._described(one) for one in found[begin:end]]}
        return {**answer, "NextToken": str(end)} if end < len(found) else answer

    def list_event_actions(self, request: Document) -> Document:
        """List the deployed event actions, all or those of a data set."""
        wanted = request.get("EventSourceId")
        found = [self._action(one) for one in self._actions() if wanted in {None, _source_of(one)}]
        return {"EventActions": found}

    def get_event_action(self, request: Document) -> Document:
        """Return a deployed event action."""
        found = [self._action(one) for one in self._actions() if one.physical_id == request["EventActionId"]]
        if not found:
            raise _not_found(f"there is no event action {request['EventActionId']}")
        return found[0]

    # ---- jobs

    def create_job(self, request: Document) -> Document:
        """Make a job that imports assets or exports revisions; others the twin lacks."""
        if request["Type"] not in {EXPORT, IMPORT}:
            raise _refused(f"Type: the twin runs no jobs of {request['Type']}; use {EXPORT} or {IMPORT}")
        job = Job(id=uuid.uuid4().hex, type=request["Type"], details=request["Details"], created_at=self._clock())
        for data_set, revision, published in self._named(job):
            self._revision(data_set, revision, published=published)
        with self._lock:
            self._jobs[job.id] = job
        return self._job(job)

    def start_job(self, request: Document) -> Document:
        """Run a job; its outcome is in its state."""
        job = self._known_job(request["JobId"])
        if job.state != "WAITING":
            raise ServiceError("ConflictException", f"job {job.id} was started before", 409)
        try:
            if job.type == IMPORT:
                self._import(job.details["ImportAssetsFromS3"])
            else:
                self._export(job.details["ExportRevisionsToS3"])
            job.state = "COMPLETED"
        except ExportError as error:
            LOGGER.warning("job %s failed: %s", job.id, error)
            job.state, job.errors = "ERROR", (str(error),)
        return {}

    def get_job(self, request: Document) -> Document:
        """Return a job with its state."""
        return self._job(self._known_job(request["JobId"]))

    def _named(self, job: Job) -> list[tuple[str, str, bool]]:
        if job.type == IMPORT:
            details = job.details["ImportAssetsFromS3"]
            return [(details["DataSetId"], details["RevisionId"], False)]
        details = job.details["ExportRevisionsToS3"]
        return [(details["DataSetId"], one["RevisionId"], True) for one in details["RevisionDestinations"]]

    def _import(self, details: Mapping[str, Any]) -> None:
        revision = self._revision(details["DataSetId"], details["RevisionId"])
        if revision.finalized:
            raise ExportError(f"revision {revision.id} is finalized and takes no more assets; make a new one")
        for source in details["AssetSources"]:
            content = self._s3().get_object(Bucket=source["Bucket"], Key=source["Key"])["Body"].read()
            revision.assets.append(Asset(id=uuid.uuid4().hex, name=source["Key"], content=content))

    def _export(self, details: Mapping[str, Any]) -> None:
        """Export with the rights of the caller, as AWS does for a job."""

        def may(bucket: str, key: str) -> bool:
            self._require_caller(bucket, key)
            return True

        for stated in details["RevisionDestinations"]:
            revision = self._revision(details["DataSetId"], stated["RevisionId"], published=True)
            if revision.revoked:
                raise ExportError(f"revision {revision.id} was revoked by its provider; leave it out")
            export(revision, Destination.of(stated, details.get("Encryption") or {}), self._s3(), may)

    def _export_by(self, action: Resource, revision: Revision) -> None:
        stated = action.properties["Action"]["ExportRevisionToS3"]
        try:
            to = Destination.of(stated["RevisionDestination"], stated.get("Encryption") or {})
            export(revision, to, self._s3(), lambda bucket, key: self._service_may(bucket, key, _arn_of(action)))
        except ExportError as error:
            LOGGER.warning("%s could not export revision %s: %s", action.physical_id, revision.id, error)
            self._tell("Auto-export Job Failed", self._job_detail(revision))
        else:
            self._tell("Auto-export Job Completed", self._job_detail(revision))

    # ---- what is known

    def _actions_of(self, data_set: str) -> list[Resource]:
        return [action for action in self._actions() if _source_of(action) == data_set]

    def _data_set(self, data_set: str) -> str:
        if not self._actions_of(data_set):
            raise _not_found(f"no deployed event action names the data set {data_set}; name it in the settings")
        return data_set

    def _revision(self, data_set: str, revision_id: str, *, published: bool = False) -> Revision:
        found = self._revisions.get(revision_id)
        if found is None or found.data_set != self._data_set(data_set) or (published and not found.finalized):
            raise _not_found(f"the data set {data_set} has no {'published ' * published}revision {revision_id}")
        return found

    def _known_job(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise _not_found(f"there is no job {job_id}")
        return self._jobs[job_id]

    # ---- answers

    def _described(self, revision: Revision) -> Document:
        return {
            "Arn": f"arn:aws:dataexchange:{REGION}::data-sets/{revision.data_set}/revisions/{revision.id}",
            "Comment": revision.comment,
            "CreatedAt": revision.created_at,
            "DataSetId": revision.data_set,
            "Finalized": revision.finalized,
            "Id": revision.id,
            "Revoked": revision.revoked,
            "UpdatedAt": revision.created_at,
        }

    def _job(self, job: Job) -> Document:
        errors = [{"Code": "VALIDATION_EXCEPTION", "Message": message} for message in job.errors]
        return {
            "Arn": f"arn:aws:dataexchange:{REGION}:{ACCOUNT}:jobs/{job.id}",
            "CreatedAt": job.created_at,
            "Details": json.loads(json.dumps(job.details)),
            "Id": job.id,
            "State": job.state,
            "Type": job.type,
            "UpdatedAt": job.created_at,
            **({"Errors": errors} if errors else {}),
        }

    def _action(self, action: Resource) -> Document:
        return {
            "Action": action.properties["Action"],
            "Arn": _arn_of(action),
            "CreatedAt": datetime(2026, 1, 1, tzinfo=UTC),
            "Event": action.properties["Event"],
            "Id": action.physical_id,
            "UpdatedAt": datetime(2026, 1, 1, tzinfo=UTC),
        }

    def _detail(self, revision: Revision) -> Document:
        return {
            "RevisionIds": [revision.id],
            "Revisions": [{"Id": revision.id, "Comment": revision.comment}],
            "DataSets": [{"Id": revision.data_set, "Name": revision.data_set}],
            "Product": {"Id": PRODUCT},
        }

    def _job_detail(self, revision: Revision) -> Document:
        return {**self._detail(revision), "DataSetIds": [revision.data_set]}


def _source_of(action: Resource) -> str:
    return str(action.properties["Event"]["RevisionPublished"]["DataSetId"])


def _arn_of(action: Resource) -> str:
    return f"arn:aws:dataexchange:{REGION}:{ACCOUNT}:event-actions/{action.physical_id}"


def _refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, 404)
