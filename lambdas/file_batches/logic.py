"""Starts one run of the ingestion for many landed files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from c360_core import landing
from c360_core.digests import digest
from c360_core.landing import LandedFile, ManifestError


class Runs(Protocol):
    """Starts runs."""

    def start(self, name: str, files: Sequence[LandedFile]) -> None:
        """Start the run of that name, unless it has been started before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """A message of the queue: its id and its text."""

    message_id: str
    body: str


def start_runs(messages: Sequence[QueueMessage], runs: Runs) -> Mapping[str, Exception]:
    """Start runs for the files that messages announce; return the errors by the id of their message.

    A run is named after its messages, so a batch that is delivered again because this function died after starting a
    run does not start it twice. Messages that come back in another batch do start another run, which is harmless.
    Objects that only stand for a folder start none: the rule filters them out, and a run for one would cost as much as
    any other. So do the objects by which Data Exchange sees whether it may write.
    """
    failures: dict[str, Exception] = {}
    ids: dict[tuple[str, str], list[str]] = {}
    files: list[LandedFile] = []
    for message in messages:
        try:
            file = landing.of_event(message.body)
        except ManifestError as error:
            failures[message.message_id] = error
            continue
        if landing.is_folder_mark(file.key) or landing.is_probe(file.key):
            continue
        files.append(file)
        ids.setdefault((file.bucket, file.key), []).append(message.message_id)
    for run in landing.runs(files):
        behind = sorted(message_id for file in run for message_id in ids[file.bucket, file.key])
        try:
            runs.start(_name(behind), run)
        except Exception as error:  # whatever it is: these messages are delivered again, the others are not
            failures.update(dict.fromkeys(behind, error))
    return failures


def _name(message_ids: Sequence[str]) -> str:
    return f"files-{digest(' '.join(message_ids))}"


class StateMachineRuns:
    """Starts executions of the ingestion's state machine, each with its file list in S3."""

    def __init__(self, *, states: Any, objects: Any, machine_arn: str, bucket: str) -> None:
        """Take the clients.

        Args:
            states: client of Step Functions.
            objects: client of S3.
            machine_arn: ARN of the state machine.
            bucket: name of the bucket for the file lists.
        """
        self._states = states
        self._objects = objects
        self._machine_arn = machine_arn
        self._bucket = bucket

    def start(self, name: str, files: Sequence[LandedFile]) -> None:
        """Store the list, then start the execution: an execution's input is limited, and file names may be long."""
        key = f"{landing.MANIFESTS}{name}.json"
        self._objects.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=landing.manifest_text(files).encode(),
            ContentType="application/json",
        )
        try:
            self._states.start_execution(
                stateMachineArn=self._machine_arn, name=name, input=landing.run_input(key, files)
            )
        except self._states.exceptions.ExecutionAlreadyExists:
            return  # an earlier delivery started it, and it has ended
