"""What is bought arrives by Data Exchange: household facts, credit bands and audiences, and whom they describe."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from c360_core.identity.join_keys import join_key
from c360_core.names import JoinedBy
from twin.scenario.deployment import Deployment
from twin.scenario.result import Check
from twin.scenario.vendor import Vendor
from twin.shoppers.manifest import DataFile, Manifest

FACTS: Final = "demographics"
BANDS: Final = "credit_bands"
AUDIENCES: Final = "advertising_audiences"
JOINED: Final[Mapping[str, JoinedBy]] = {
    FACTS: JoinedBy.PERSON,
    BANDS: JoinedBy.HOUSEHOLD,
    AUDIENCES: JoinedBy.POSTAL_CODE,
}
LETTERS: Final = "ABCDE"
NAMES: Final = ("runners", "cooks", "gardeners")
Row = Mapping[str, str]


def publish(deployment: Deployment, manifest: Manifest, folder: Path) -> int:
    """Let the vendor publish what the deployment subscribes to; return the number of files that land."""
    vendor, assets = Vendor(deployment.emulator.settings), _assets(manifest, folder)
    subscribed = {product: vendor.data_set(product) for product in assets}
    for product, data_set in subscribed.items():
        if data_set is not None:
            vendor.publish(data_set, {f"{product}.csv": assets[product]})
    return sum(data_set is not None for data_set in subscribed.values())


def is_published(deployment: Deployment, file: DataFile) -> bool:
    """Return whether a good file comes by Data Exchange and not as a file."""
    is_bought = file.source == FACTS and file.reason is None
    return is_bought and Vendor(deployment.emulator.settings).data_set(FACTS) is not None


def _assets(manifest: Manifest, folder: Path) -> Mapping[str, bytes]:
    """Return the file of each product. Bands and audiences are those of the addresses in the household facts."""
    [path] = [folder / file.path for file in manifest.files if file.source == FACTS]
    content = path.read_bytes()
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    homes = sorted({(row["street"], row["postal_code"]) for row in rows if row["street"] and row["postal_code"]})
    codes = sorted({code for _, code in homes})
    bands = [
        {"bureau_id": f"B{n:06d}", "street": street, "postal_code": code, "credit_band": LETTERS[n % len(LETTERS)]}
        for n, (street, code) in enumerate(homes)
    ]
    audiences = [
        {"audience_row": f"A{n:06d}", "postal_code": code, "audience": NAMES[n % len(NAMES)]}
        for n, code in enumerate(codes)
    ]
    return {FACTS: content, BANDS: _csv(bands), AUDIENCES: _csv(audiences)}


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def checks(deployment: Deployment, manifest: Manifest, folder: Path) -> Sequence[Check]:
    """Compare whom the marts say that the products describe with a join in Python, over the vendor's own files.

    It reads the records and the persons of now, and no reference table; rows that break their contract are not in the
    reference table, so their keys must not count.
    """
    environment = deployment.emulator.settings.environment
    people = deployment.query(
        "SELECT m.person_id, r.email, r.street, r.postal_code "  # noqa: S608  # our own names
        f"FROM c360_{environment}_curated.identity_map m "
        f"JOIN c360_{environment}_curated.identity_records r ON m.record_id = r.record_id WHERE m.valid_to IS NULL"
    )
    coverage = f"SELECT product, people FROM c360_{environment}_products.enrichment_coverage"  # noqa: S608  # our names
    found = {row[0]: row[1] for row in deployment.query(coverage)}
    accepted, vendor = _accepted(deployment), Vendor(deployment.emulator.settings)
    return [
        Check(
            name=f"people described by {product}",
            expected=len(_described(people, by, _keys(content, by, accepted.get(product)))),
            actual=int(found.get(product) or 0),
        )
        for product, content in _assets(manifest, folder).items()
        for by in (JOINED[product],)
        if vendor.data_set(product) is not None
    ]


def _accepted(deployment: Deployment) -> Mapping[str, frozenset[str]]:
    """Return the row numbers of household facts that the raw table has."""
    environment = deployment.emulator.settings.environment
    rows = deployment.query(f"SELECT provider_row_id FROM c360_{environment}_raw.{FACTS}")  # noqa: S608  # our names
    return {FACTS: frozenset(str(row[0]) for row in rows)}


def _keys(content: bytes, by: JoinedBy, accepted: frozenset[str] | None) -> frozenset[str]:
    rows = csv.DictReader(io.StringIO(content.decode()))
    found = (join_key(by, row) for row in rows if accepted is None or row["provider_row_id"] in accepted)
    return frozenset(key for key in found if key is not None)


def _described(people: Sequence[tuple[str | None, ...]], by: JoinedBy, keys: frozenset[str]) -> frozenset[str]:
    return frozenset(
        str(person)
        for person, email, street, code in people
        if join_key(by, {"email": email, "street": street, "postal_code": code}) in keys
    )
