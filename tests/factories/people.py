"""Invented people and their records in five systems, with realistic errors, and the truth."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from c360_core.identity.records import IdentityRecord, prepare_record

LOADED_AT = datetime(2026, 3, 1, tzinfo=UTC)
SHORT_FORMS = {
    "robert": "Bob", "william": "Bill", "richard": "Dick", "margaret": "Peggy", "elizabeth": "Liz", "james": "Jim",
    "michael": "Mike", "thomas": "Tom", "jennifer": "Jenny", "christopher": "Chris", "katherine": "Kate",
    "patricia": "Pat", "daniel": "Dan", "susan": "Sue", "joseph": "Joe", "samuel": "Sam",
}  # fmt: skip
FIRST_NAMES = [
    *(name.title() for name in SHORT_FORMS), "Maria", "Linda", "Karen", "Nancy", "Carlos", "Ahmed", "Wei", "Olga",
    "Fatima", "Jorge", "Björn", "Amélie", "Priya", "Kenji", "Aisha", "Ivan", "Laura", "Steven", "Paul", "Mark", "Donna",
    "Ruth", "Sharon", "Brian", "Kevin", "George", "Edward", "Helen", "Sandra", "Amy", "Diane", "Alice", "Julie",
    "Joyce", "Frank", "Raymond", "Jack", "Dennis", "Jerry", "Tyler", "Aaron", "Jose", "Adam", "Henry", "Nathan",
]  # fmt: skip
SYLLABLES = [
    "ba", "ber", "cro", "da", "den", "dor", "el", "fen", "gar", "hal", "han", "jen", "kel", "kin", "lan",
    "lo", "mar", "mer", "mon", "nor", "ol", "par", "quin", "ro", "san", "sto", "tan", "ver", "wal", "wes",
    "zim",
]  # fmt: skip
STREETS = [
    "Oak", "Maple", "Cedar", "Elm", "Washington", "Lake", "Hill", "Park", "Pine", "Main", "Church", "River",
    "Spring", "Ridge", "Walnut",
]  # fmt: skip
KINDS = ["Street", "Avenue", "Road", "Drive", "Lane", "Court", "Boulevard"]
DOMAINS = ["example.com", "example.org", "example.net", "mail.example.com"]
PLACEHOLDER_EMAILS = ["test@test.com", "none@none.com", "noemail@example.com"]
PLACEHOLDER_PHONES = ["0000000000", "555-555-5555", "1234567890"]


@dataclass(frozen=True, slots=True)
class Home:
    street: str
    city: str
    state: str
    postal_code: str
    phone: str


@dataclass(frozen=True, slots=True)
class Human:
    number: int
    first_name: str
    last_name: str
    birth_date: str
    email: str
    phone: str
    home: Home
    loyalty_id: str | None
    former_home: Home | None = None


@dataclass(frozen=True, slots=True)
class Town:
    """Records, and the number of the human behind each."""

    records: list[IdentityRecord] = field(default_factory=list)
    truth: dict[str, str] = field(default_factory=dict)


def town(humans: int, seed: int = 7) -> Town:
    """Return about three and a half records per human."""
    chance = random.Random(seed)
    made = Town()
    people: list[Human] = []
    while len(people) < humans:
        people += _household(len(people), chance)
    for human in people[:humans]:
        for source, raw in _appearances(human, chance):
            record = prepare_record(raw, source=source, key=f"{len(made.records):07d}", loaded_at=LOADED_AT)
            made.records.append(record)
            made.truth[record.record_id] = f"human-{human.number}"
    chance.shuffle(made.records)
    return made


def _household(start: int, chance: random.Random) -> list[Human]:
    home, last = _home(chance), _last_name(chance)
    size = chance.choice([1, 1, 2, 2, 3, 4])
    names = chance.sample(FIRST_NAMES, size)
    members = [_human(start + i, name, last, home, chance) for i, name in enumerate(names)]
    if size >= 2 and chance.random() < 0.3:
        members[1] = replace(members[1], email=members[0].email)
    if size >= 2 and chance.random() < 0.4:
        members = [replace(member, phone=home.phone) for member in members]
    if size >= 3 and chance.random() < 0.2:
        # A son named after his father, at the same address.
        members[2] = replace(members[2], first_name=members[0].first_name)
    return members


def _human(number: int, first: str, last: str, home: Home, chance: random.Random) -> Human:
    day = datetime(1940, 1, 2, tzinfo=UTC) + timedelta(days=chance.randrange(24_000))
    return Human(
        number=number,
        first_name=first,
        last_name=last,
        birth_date=day.date().isoformat(),
        email=f"{first}.{last}{number}@{chance.choice(DOMAINS)}".lower().encode("ascii", "ignore").decode(),
        phone=_phone(chance),
        home=home,
        loyalty_id=f"L{number:08d}" if chance.random() < 0.7 else None,
        former_home=_home(chance) if chance.random() < 0.15 else None,
    )


def _home(chance: random.Random) -> Home:
    city = chance.choice(SYLLABLES).title() + chance.choice(["ton", "ville", "field", "ford"])
    return Home(
        street=f"{chance.randrange(1, 4000)} {chance.choice(STREETS)} {chance.choice(KINDS)}",
        city=city,
        state=chance.choice(["OH", "KY", "TX", "Indiana"]),
        postal_code=f"{chance.randrange(10001, 99900)}",
        phone=_phone(chance),
    )


def _phone(chance: random.Random) -> str:
    return f"{chance.choice(['513', '859', '214', '317'])}{chance.randrange(2_000_000, 9_999_999)}"


def _last_name(chance: random.Random) -> str:
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.choice([2, 3, 3]))).title()


def _appearances(human: Human, chance: random.Random) -> list[tuple[str, dict[str, object]]]:
    found = [("crm_contacts", _written(human, chance)) for _ in range(2 if chance.random() < 0.15 else 1)]
    if human.loyalty_id:
        found.append(("loyalty_members", {**_written(human, chance), "loyalty_id": human.loyalty_id}))
    for _ in range(chance.choice([0, 0, 1, 2])):
        raw = _written(human, chance)
        first, last = raw.pop("first_name"), raw.pop("last_name")
        raw = {key: raw[key] for key in ("email", "phone")} | {"name": f"{first} {last}"}
        found.append(("support_cases", raw))
    for _ in range(chance.choice([0, 1, 1, 2])):
        raw = {"email": human.email, "device_id": f"d-{human.number}", "email_verified": True}
        if human.loyalty_id and chance.random() < 0.4:
            raw["loyalty_id"] = human.loyalty_id
        found.append(("web_events", raw))
    if chance.random() < 0.5:
        raw = _written(human, chance)
        found.append(("demographics", {key: value for key, value in raw.items() if key not in {"phone", "birth_date"}}))
    return found


def _written(human: Human, chance: random.Random) -> dict[str, object]:
    """Return a typed form of a value: mostly correct."""
    home = human.former_home if human.former_home and chance.random() < 0.4 else human.home
    first = human.first_name
    if chance.random() < 0.2:
        first = SHORT_FORMS.get(first.lower(), first)
    digits = human.phone
    raw: dict[str, object] = {
        "first_name": _slip(first, chance, 0.04),
        "last_name": _slip(human.last_name, chance, 0.04),
        "email": _slip(human.email, chance, 0.02),
        "phone": chance.choice([digits, f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", f"+1{digits}"]),
        "street": home.street if chance.random() < 0.6 else home.street.replace("Street", "St.").replace("Road", "Rd"),
        "city": home.city,
        "state": home.state,
        "postal_code": home.postal_code,
        "birth_date": human.birth_date,
    }
    for name, share in (("email", 0.15), ("phone", 0.2), ("birth_date", 0.35), ("street", 0.15)):
        if chance.random() < share:
            raw[name] = None
    if chance.random() < 0.02:
        raw["email"] = chance.choice(PLACEHOLDER_EMAILS)
    if chance.random() < 0.02:
        raw["phone"] = chance.choice(PLACEHOLDER_PHONES)
    if chance.random() < 0.02:
        raw["birth_date"] = "1900-01-01"
    return raw


def _slip(text: str, chance: random.Random, share: float) -> str:
    """Exchange two neighbouring letters of a text in some cases."""
    if chance.random() >= share or len(text) < 4:
        return text
    place = chance.randrange(1, len(text) - 2)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
