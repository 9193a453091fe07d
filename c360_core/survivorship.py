"""Survivorship: one golden value per attribute, chosen from all records of a person.

A verified value comes before an unverified one, then the source with the higher rank, the newer record, and the more
complete record. Attributes that belong together (name, address) are taken from one record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from c360_core.identity.records import IdentityRecord

# Groups of attributes; each group is taken from one record.
ATTRIBUTES: Final[tuple[tuple[str, ...], ...]] = (
    ("first_name", "last_name"),
    ("email",),
    ("phone",),
    ("street", "city", "state", "postal_code"),
    ("birth_date",),
    ("language",),
    ("time_zone",),
    ("crm_id",),
    ("case_customer_id",),
    ("loyalty_id",),
)

DEFAULT_PRIORITIES: Final = (
    "crm_contacts",
    "loyalty_members",
    "salesforce_contacts",
    "erp_customers",
    "sap_business_partners",
    "support_cases",
    "salesforce_cases",
    "web_events",
    "pos_transactions",
    "erp_orders",
    "sap_sales_orders",
    "marketo_leads",
    "demographics",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePriorities:
    """Sources, most trusted first; unlisted sources come last."""

    order: tuple[str, ...] = DEFAULT_PRIORITIES

    def rank(self, source: str) -> int:
        """Return the rank of a source; a smaller rank is more trusted."""
        return self.order.index(source) if source in self.order else len(self.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The origin of a golden value.

    Attributes:
        source: name of the source.
        record_id: the record.
        at: when the source last changed the record; if unknown, when it was loaded.
    """

    source: str
    record_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """The golden record of a person.

    Attributes:
        attributes: attribute -> value or None, and `record_count`; the attributes of a `person` message.
        provenance: attribute with a value -> its origin.
    """

    attributes: Mapping[str, Any]
    provenance: Mapping[str, Provenance] = field(default_factory=dict)


def golden(records: Sequence[IdentityRecord], priorities: SourcePriorities) -> Golden:
    """Return the golden record of one person.

    Args:
        records: the person's records, at least one.
        priorities: order of trust in the sources.

    Raises:
        ValueError: there are no records.
    """
    if not records:
        raise ValueError("survivorship: a person without records has no attributes")
    attributes: dict[str, Any] = {}
    provenance: dict[str, Provenance] = {}
    for names in ATTRIBUTES:
        chosen = _choose(records, names, priorities)
        for name in names:
            attributes[name] = getattr(chosen, name) if chosen else None
            if chosen and attributes[name] is not None:
                provenance[name] = Provenance(source=chosen.source, record_id=chosen.record_id, at=_at(chosen))
    attributes["record_count"] = len(records)
    return Golden(attributes=attributes, provenance=provenance)


def _choose(
    records: Sequence[IdentityRecord], names: tuple[str, ...], priorities: SourcePriorities
) -> IdentityRecord | None:
    having = [record for record in records if any(getattr(record, name) for name in names)]
    if len(having) <= 1:
        return having[0] if having else None
    return min(
        having,
        key=lambda record: (
            names == ("email",) and not record.email_verified,
            priorities.rank(record.source),
            -_at(record).timestamp(),
            -sum(getattr(record, name) is not None for name in names),
            record.record_id,
        ),
    )


def _at(record: IdentityRecord) -> datetime:
    return record.updated_at or record.loaded_at
