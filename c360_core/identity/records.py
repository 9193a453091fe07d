"""A record: one row about a person in one source, the unit of matching."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from typing import Any, Final

from c360_core.digests import digest
from c360_core.identity import normalise as forms
from c360_core.identity.normalise import DEFAULT_REGION, EARLIEST_BIRTH_YEAR, Normalised, name_text, text_of
from c360_core.identity.workflow import MATCH_RECORD_ID
from c360_core.names import IdentifierType


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRecord:
    """A normalised record without placeholders; the columns of `curated.identity_records`.

    Attributes:
        record_id: `<source>:<key in the source>`.
        loaded_at: when the row was read from the source's file or stream.
        updated_at: when the source says that the row last changed.
        joined_by: the statement of a source that all records with this value are one person.
        placeholder_dropped: `<field>:<reason>` for each value that was dropped because it carries no information.
    """

    record_id: str
    source: str
    loaded_at: datetime
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    birth_date: str | None = None
    loyalty_id: str | None = None
    crm_id: str | None = None
    case_customer_id: str | None = None
    cookie_id: str | None = None
    device_id: str | None = None
    email_verified: bool = False
    language: str | None = None
    time_zone: str | None = None
    updated_at: datetime | None = None
    placeholder_dropped: tuple[str, ...] = ()
    joined_by: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the columns as a dictionary, arrays as lists."""
        return {**asdict(self), "placeholder_dropped": list(self.placeholder_dropped)}


_COLUMNS: Final = tuple(f.name for f in fields(IdentityRecord))

# Field -> (how to normalise it, how to show it). None: show the match form.
_PREPARED: Final[Mapping[str, tuple[Callable[[object], Normalised], Callable[[object], str] | None]]] = {
    "first_name": (forms.normalise_first_name, name_text),
    "last_name": (forms.normalise_last_name, name_text),
    "email": (forms.normalise_email, forms.clean_email),
    "phone": (forms.normalise_phone, None),
    "street": (forms.normalise_street, text_of),
    "city": (forms.normalise_city, name_text),
    "state": (forms.normalise_state, None),
    "postal_code": (forms.normalise_postal_code, None),
    "birth_date": (forms.normalise_birth_date, None),
    "loyalty_id": (lambda raw: forms.normalise(IdentifierType.LOYALTY_ID, raw), None),
    "crm_id": (lambda raw: forms.normalise(IdentifierType.CRM_ID, raw), None),
    "case_customer_id": (lambda raw: forms.normalise(IdentifierType.CASE_SYSTEM_ID, raw), None),
    "cookie_id": (lambda raw: forms.normalise(IdentifierType.COOKIE_ID, raw), None),
    "device_id": (lambda raw: forms.normalise(IdentifierType.DEVICE_ID, raw), None),
}


def prepare_record(
    values: Mapping[str, object],
    *,
    source: str,
    key: str,
    loaded_at: datetime,
    today: date | None = None,
    region: str = DEFAULT_REGION,
    earliest_birth: date = date(EARLIEST_BIRTH_YEAR, 1, 1),
) -> IdentityRecord:
    """Return the record of a source's raw values.

    Args:
        values: raw values under the column names of `curated.identity_records`; others are ignored. A `name` is split
            into first and last name if those are absent. The `country` decides how to read phone numbers and postal
            codes.
        source: the source's name.
        key: the row's key in the source.
        loaded_at: when the row was read.
        today: birth dates after this day are dropped; the day of `loaded_at` if omitted.
        region: the country of records without one, as ISO 3166 code.
        earliest_birth: birth dates before this day are dropped.

    Raises:
        ValueError: `key` is empty, or a time cannot be parsed.
    """
    if not key:
        raise ValueError(f"record of source {source}: field key is empty; every row needs the source's own key")
    raw = {**values, **_split_name(values)}
    reading = _Reading(
        region=forms.region_of(raw.get("country"), region),
        today=today or loaded_at.date(),
        earliest_birth=earliest_birth,
    )
    prepared: dict[str, str | None] = {}
    dropped: list[str] = []
    for field, (decide, show) in _PREPARED.items():
        form = _decide(field, decide, raw.get(field), reading)
        shown = (show(raw.get(field)) if show else form.value) if form.value is not None else None
        if form.dropped == forms.NO_AREA:
            shown = forms.shown_phone(raw.get(field), reading.region)
        prepared[field] = shown or None
        if form.dropped:
            dropped.append(f"{field}:{form.dropped}")
    return IdentityRecord(
        record_id=f"{source}:{key}",
        source=source,
        loaded_at=_utc(loaded_at, "loaded_at"),
        email_verified=_truth(raw.get("email_verified")) and prepared["email"] is not None,
        language=text_of(raw.get("language")) or None,
        time_zone=text_of(raw.get("time_zone")) or None,
        updated_at=_utc(raw["updated_at"], "updated_at") if text_of(raw.get("updated_at")) else None,
        placeholder_dropped=tuple(dropped),
        joined_by=text_of(raw.get("joined_by")) or None,
        **prepared,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What is needed to read the values of a record."""

    region: str
    today: date
    earliest_birth: date


def _decide(field: str, decide: Callable[[object], Normalised], raw: object, reading: _Reading) -> Normalised:
    match field:
        case "birth_date":
            return forms.normalise_birth_date(raw, reading.today, reading.earliest_birth)
        case "phone":
            return forms.normalise_phone(raw, reading.region)
        case "postal_code":
            return forms.normalise_postal_code(raw, reading.region)
        case _:
            return decide(raw)


def _split_name(values: Mapping[str, object]) -> dict[str, str]:
    """Split `Last, First` and `First Middle Last`; the sources write names in Western order.

    A suffix such as `Jr.` becomes part of the family name, wherever it was written.
    """
    parts = [part.strip() for part in name_text(values.get("name")).split(",") if part.strip()]
    if not parts or name_text(values.get("first_name")) or name_text(values.get("last_name")):
        return {}
    suffix = parts.pop() if len(parts) > 1 and forms.is_name_suffix(parts[-1]) else ""
    if len(parts) > 1:
        last, first = parts[0], " ".join(parts[1:])
    else:
        words = parts[0].split()
        while len(words) > 2 and forms.is_name_suffix(words[-1]):  # noqa: PLR2004  # in `Anna Senior` it is the family name
            suffix = f"{words.pop()} {suffix}".strip()
        first, last = " ".join(words[:-1]) or words[0], words[-1] if len(words) > 1 else ""
    return {"first_name": first, "last_name": f"{last} {suffix}".strip()}


def record_from_row(row: Mapping[str, Any]) -> IdentityRecord:
    """Return the record of a row of `curated.identity_records`, as an engine returns it.

    Raises:
        ValueError: a time cannot be parsed.
    """
    values: dict[str, Any] = {name: row.get(name) for name in _COLUMNS if row.get(name) is not None}
    for name in ("loaded_at", "updated_at"):
        if name in values:
            values[name] = _utc(values[name], name)
    if "birth_date" in values:
        values["birth_date"] = forms.normalise_birth_date(values["birth_date"], earliest=date.min).value
    values["placeholder_dropped"] = tuple(values.get("placeholder_dropped", ()))
    return IdentityRecord(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchForm:
    """The values of a record in match form: for comparison only, never shown.

    Attributes:
        given_name: first name as written; `first_name` has its nickname folded.
        generation: `sr`, `jr`, `ii`, ...; None if the name has no such suffix.
    """

    given_name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    street: str | None
    postal_code: str | None
    birth_date: str | None
    generation: str | None = None


def phone_evidence(record: IdentityRecord) -> str | None:
    """Return the record's phone number if it identifies a person: one without an area code is only shown."""
    return forms.normalise_phone(record.phone).value if record.phone and record.phone.startswith("+") else None


def match_form(record: IdentityRecord) -> MatchForm:
    """Return the record's values in match form."""
    return MatchForm(
        given_name=forms.normalise_given_name(record.first_name).value,
        first_name=forms.normalise_first_name(record.first_name).value,
        last_name=forms.normalise_last_name(record.last_name).value,
        email=forms.normalise_email(record.email).value,
        phone=phone_evidence(record),
        street=forms.normalise_street(record.street).value,
        postal_code=record.postal_code,
        birth_date=record.birth_date,
        generation=forms.generation_of(record.last_name, record.first_name),
    )


def match_record_id(record_id: str) -> str:
    """Return a record's id for the matcher, which allows neither `:` nor more than 38 characters."""
    return digest(record_id)


def match_row(record: IdentityRecord) -> dict[str, str | None]:
    """Return the record as a row for the matcher: the columns of `workflow.MATCH_FIELDS`."""
    form = match_form(record)
    return {
        MATCH_RECORD_ID: match_record_id(record.record_id),
        "record_id": record.record_id,
        "first_name": form.first_name,
        "last_name": form.last_name,
        "birth_date": form.birth_date,
        "street": form.street,
        "postal_code": form.postal_code,
        "email": form.email,
        "phone": form.phone,
    }


def _truth(raw: object) -> bool:
    return raw is True or text_of(raw).lower() in {"true", "1", "yes", "y"}


def _utc(raw: object, field: str) -> datetime:
    if isinstance(raw, datetime):
        moment = raw
    else:
        try:
            moment = datetime.fromisoformat(text_of(raw))
        except ValueError as error:
            raise ValueError(f"identity record: field {field} is {raw!r}; write an ISO 8601 time") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
