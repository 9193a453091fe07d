"""Start one run of the ingestion for many landed files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from c360_core import landing
from c360_core.digests import digest
from c360_core.landing import LandedFile, ManifestError


class Runs(Protocol):
    """Where runs are started."""

    def start(self, name: str, files: Sequence[LandedFile]) -> None:
        """Start the run of that name, unless it has been started before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """A message of the queue: its id there, and its text."""

    message_id: str
    body: str


def start_runs(messages: Sequence[QueueMessage], runs: Runs) -> Mapping[str, Exception]:
    """Start runs for the files of which messages tell; return the errors by the id of the message that they concern.

    A run is named after its messages: a batch that is delivered again, because this function died after it had started
    a run, starts it no second time. Messages that come in other company do, and that is harmless. What only stands for
    a folder starts none: the rule lets no such message through, and a run for it would be paid like any other.
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
        if landing.is_folder_mark(file.key):
            continue
        files.append(file)
        ids.setdefault((file.bucket, file.key), []).append(message.message_id)
    for run in landing.runs(files):
        behind = sorted(message_id for file in run for message_id in ids[file.bucket, file.key])
        try:
            runs.start(_name(behind), run)
        except Exception as error:  # whatever it is: these messages come again, the others do not
            failures.update(dict.fromkeys(behind, error))
    return failures


def _name(message_ids: Sequence[str]) -> str:
    return f"files-{digest(' '.join(message_ids))}"


class StateMachineRuns:
    """Runs that are executions of the ingestion's state machine, each with its list of files in S3."""

    def __init__(self, *, states: Any, objects: Any, machine_arn: str, bucket: str) -> None:
        """Keep the clients.

        Args:
            states: a Step Functions client.
            objects: an S3 client.
            machine_arn: the state machine.
            bucket: where lists are kept.
        """
        self._states = states
        self._objects = objects
        self._machine_arn = machine_arn
        self._bucket = bucket

    def start(self, name: str, files: Sequence[LandedFile]) -> None:
        """Keep the list, then start the execution: the input of one has a limit, and a name of a file nearly none."""
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
            return  # it has ended already
