"""A vendor of data who sells by Data Exchange, with the calls of a vendor: a revision, its assets, its publication."""

from collections.abc import Mapping
from typing import Any, Final

from twin.principals import Principal
from twin.settings import TwinSettings

BUCKET: Final = "vendor-of-data"


class VendorError(RuntimeError):
    """Data Exchange did not take what the vendor sent; the message names the job and its state."""


class Vendor:
    """Publishes revisions.

    Args:
        settings: the twin whose Data Exchange the vendor uses.
    """

    def __init__(self, settings: TwinSettings) -> None:
        self._s3: Any = settings.client("s3", as_=Principal.ADMINISTRATOR)
        self._exchange: Any = settings.client("dataexchange", as_=Principal.ADMINISTRATOR)

    def data_set(self, product: str) -> str | None:
        """Return the data set of a product that the deployment subscribes to, or None."""
        for action in self._exchange.list_event_actions()["EventActions"]:
            to = action["Action"]["ExportRevisionToS3"]["RevisionDestination"]
            if to["KeyPattern"].startswith(f"{product}/"):
                return str(action["Event"]["RevisionPublished"]["DataSetId"])
        return None

    def publish(self, data_set: str, assets: Mapping[str, bytes], *, twice: bool = False) -> str:
        """Publish a revision and return its id.

        Args:
            data_set: the data set.
            assets: content by name.
            twice: add each asset twice under its name, by mistake: AWS exports no such revision.

        Raises:
            VendorError: the import of the assets failed.
        """
        self._s3.create_bucket(Bucket=BUCKET)
        revision = self._exchange.create_revision(DataSetId=data_set)["Id"]
        for name, content in assets.items():
            self._s3.put_object(Bucket=BUCKET, Key=name, Body=content)
            sources = [{"Bucket": BUCKET, "Key": name}]
            self._import(data_set, revision, sources * (2 if twice else 1))
        self._exchange.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
        return str(revision)

    def revoke(self, data_set: str, revision: str) -> None:
        """Take a published revision back."""
        self._exchange.revoke_revision(
            DataSetId=data_set, RevisionId=revision, RevocationComment="published by mistake"
        )

    def _import(self, data_set: str, revision: str, sources: list[dict[str, str]]) -> None:
        details = {"ImportAssetsFromS3": {"AssetSources": sources, "DataSetId": data_set, "RevisionId": revision}}
        job = self._exchange.create_job(Type="IMPORT_ASSETS_FROM_S3", Details=details)["Id"]
        self._exchange.start_job(JobId=job)
        state = self._exchange.get_job(JobId=job)["State"]
        if state != "COMPLETED":
            raise VendorError(f"the import job {job} of {data_set} ended as {state}")
