"""One Flink application: its state in the service, starting, stopping, and snapshots."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.dashboard import FlinkDashboard, Task

if TYPE_CHECKING:
    from mypy_boto3_kinesisanalyticsv2 import KinesisAnalyticsV2Client
    from mypy_boto3_kinesisanalyticsv2.literals import ApplicationStatusType

SKIP: Final = "SKIP_RESTORE_FROM_SNAPSHOT"
SESSION_SECONDS: Final = 1_800  # the service takes no less
PAUSE_SECONDS: Final = 5.0
CHANGE_SECONDS: Final = 1_800.0
SNAPSHOT_SECONDS: Final = 3_600.0


class ApplicationError(RuntimeError):
    """The application did not do what was asked; the message says what it is doing instead, and what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationControl:
    """An application of Managed Service for Apache Flink."""

    client: "KinesisAnalyticsV2Client"
    name: str
    pause: Callable[[float], None] = time.sleep

    def status(self) -> "ApplicationStatusType":
        """Return what it does: READY when it is stopped."""
        return self.client.describe_application(ApplicationName=self.name)["ApplicationDetail"]["ApplicationStatus"]

    def started_without_snapshot(self) -> bool:
        """Say whether it was last started without a snapshot."""
        detail = self.client.describe_application(ApplicationName=self.name)["ApplicationDetail"]
        run = detail.get("ApplicationConfigurationDescription", {}).get("RunConfigurationDescription", {})
        return run.get("ApplicationRestoreConfigurationDescription", {}).get("ApplicationRestoreType") == SKIP

    def settled(self) -> "ApplicationStatusType":
        """Wait until it runs or is stopped; return which.

        Raises:
            ApplicationError: it is neither in half an hour.
        """
        waited = 0.0
        while (status := self.status()) not in ("RUNNING", "READY"):
            if waited >= CHANGE_SECONDS:
                raise ApplicationError(
                    f"{self.name} is still {status} after {waited / 60:.0f} min; look at its log and type the command "
                    "again when it runs or is stopped"
                )
            self.pause(PAUSE_SECONDS)
            waited += PAUSE_SECONDS
        return status

    def stop(self) -> None:
        """Stop it, and wait until it is stopped; nothing happens if it is.

        Raises:
            ApplicationError: it runs on.
        """
        if self.settled() == "READY":
            return
        self.client.stop_application(ApplicationName=self.name)
        if self.settled() != "READY":
            raise ApplicationError(
                f"{self.name} was asked to stop and still runs; look at its log, and run the command again"
            )

    def start_without_snapshot(self) -> None:
        """Start it without a snapshot, and wait until it runs.

        Raises:
            ApplicationError: it does not come up.
            ClientError: something else has started it meanwhile, or the service refused.
        """
        self.client.start_application(
            ApplicationName=self.name,
            RunConfiguration={"ApplicationRestoreConfiguration": {"ApplicationRestoreType": SKIP}},
        )
        if self.settled() != "RUNNING":
            raise ApplicationError(f"{self.name} did not start: its log says why")

    def save(self, snapshot: str) -> None:
        """Take a snapshot, and wait for it. When it is there, everything read before it has been published.

        Raises:
            ApplicationError: it failed.
        """
        self.client.create_application_snapshot(ApplicationName=self.name, SnapshotName=snapshot)
        waited = 0.0
        while (status := self._snapshot_status(snapshot)) == "CREATING":
            if waited >= SNAPSHOT_SECONDS:
                break
            self.pause(PAUSE_SECONDS)
            waited += PAUSE_SECONDS
        if status != "READY":
            raise ApplicationError(
                f"the snapshot {snapshot} of {self.name} is {status} after {waited:.0f} s; look at its log"
            )

    def latest_snapshot(self) -> str | None:
        """Return the name of the latest snapshot, or None."""
        answer = self.client.list_application_snapshots(ApplicationName=self.name)
        ready = [one for one in answer["SnapshotSummaries"] if one["SnapshotStatus"] == "READY"]
        latest = max(ready, key=lambda one: one["SnapshotCreationTimestamp"], default=None)
        return None if latest is None else latest["SnapshotName"]

    def tasks(self) -> tuple[Task, ...]:
        """Return the parts of its job.

        Raises:
            DashboardError: its dashboard does not answer.
        """
        answer = self.client.create_application_presigned_url(
            ApplicationName=self.name,
            UrlType="FLINK_DASHBOARD_URL",
            SessionExpirationDurationInSeconds=SESSION_SECONDS,
        )
        return FlinkDashboard(answer["AuthorizedUrl"]).tasks()

    def _snapshot_status(self, snapshot: str) -> str:
        answer = self.client.describe_application_snapshot(ApplicationName=self.name, SnapshotName=snapshot)
        return answer["SnapshotDetails"]["SnapshotStatus"]
