"""The true people behind each household. Nothing here is ever shown to the system under test."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from mimesis import Address
from mimesis import Person as MimesisPerson
from mimesis.enums import Gender
from mimesis.locales import Locale

from twin.shoppers.chance import happens
from twin.shoppers.vocabulary import COMMON_LAST_NAMES, EMAIL_DOMAINS, FEMALE, MALE, PLACES, STREET_SUFFIXES, Place

TODAY: Final = date(2026, 10, 27)
AGES: Final = {
    "19-24": (19, 24),
    "25-34": (25, 34),
    "35-44": (35, 44),
    "45-54": (45, 54),
    "55-64": (55, 64),
    "65+": (65, 88),
}
COUPLE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An address."""

    street: str
    city: str
    state: str
    postal_code: str
    time_zone: str


NOWHERE: Final = Home(street="", city="", state="", postal_code="", time_zone="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shopper:
    """One human. `card` is the loyalty card they use; the card's holder is another person when a couple shares it."""

    person_id: str
    household_id: str
    first_name: str
    last_name: str
    birth_date: str
    email: str
    phone: str
    language: str
    home: Home
    previous_home: Home | None
    card: str
    holds_card: bool
    devices: tuple[str, ...]
    cookies: tuple[str, ...]
    logs_in: bool
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """The adults of one household of the shopping data, and what the data says about it."""

    number: int
    adults: tuple[Shopper, ...]
    demographics: dict[str, str] | None


class PeopleRegistry:
    """Hands out values that no two people share."""

    def __init__(self, rng: random.Random, seed: int) -> None:
        self.rng = rng
        self.person = MimesisPerson(Locale.EN, seed=seed)
        self.address = Address(Locale.EN, seed=seed)
        self._emails: set[str] = set()
        self._phones = {place.city: self._shuffled_phones(place) for place in PLACES}
        self._cards = iter(rng.sample(range(1_000_000, 9_999_999), 20_000))
        self._people = 0

    def _shuffled_phones(self, place: Place) -> list[str]:
        phones = [f"+1{area}55501{line:02d}" for area in place.area_codes for line in range(100)]
        self.rng.shuffle(phones)
        return phones

    def person_id(self) -> str:
        """Return the next true id."""
        self._people += 1
        return f"T{self._people:05d}"

    def card(self) -> str:
        """Return a new loyalty card number."""
        return f"L{next(self._cards)}"

    def phone(self, place: Place) -> str:
        """Return a new number of the place, of the next place when its numbers are used up."""
        for candidate in (place, *PLACES):
            if self._phones[candidate.city]:
                return self._phones[candidate.city].pop()
        raise RuntimeError("all made-up phone numbers are used; add area codes to twin/shoppers/vocabulary.py")

    def email(self, first: str, last: str) -> str:
        """Return a new address that looks like the name."""
        first, last = (_letters(name) for name in (first, last))
        styles = (f"{first}.{last}", f"{first[:1]}{last}", f"{first}{last[:1]}", f"{last}.{first}")
        domain = self.rng.choice(EMAIL_DOMAINS)
        name = self.rng.choice(styles)
        number = self.rng.choice(("", "", str(self.rng.randint(50, 99))))
        email = f"{name}{number}@{domain}"
        while email in self._emails:
            number = str(self.rng.randint(100, 99_999))
            email = f"{name}{number}@{domain}"
        self._emails.add(email)
        return email

    def home(self, place: Place) -> Home:
        """Return an address in a city."""
        suffix = self.rng.choice(tuple(STREET_SUFFIXES))
        return Home(
            street=f"{self.rng.randint(1, 9899)} {self.address.street_name()} {suffix}",
            city=place.city,
            state=place.state,
            postal_code=f"{place.zip_prefix}{self.rng.randint(1, 99):02d}",
            time_zone=place.time_zone,
        )


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalpha())


def households(
    rng: random.Random, seed: int, numbers: list[int], demographics: dict[int, dict[str, str]]
) -> Iterator[Household]:
    """Invent the adults of each household, in the order of the numbers."""
    registry = PeopleRegistry(rng, seed)
    for number in numbers:
        known = demographics.get(number)
        yield Household(number=number, adults=_adults(registry, number, known), demographics=known)


def _adults(registry: PeopleRegistry, number: int, known: dict[str, str] | None) -> tuple[Shopper, ...]:
    rng = registry.rng
    place = rng.choice(PLACES)
    home = registry.home(place)
    moved = registry.home(rng.choice((place, rng.choice(PLACES)))) if happens(rng, 0.08) else None
    last_name = _last_name(registry)
    low, high = AGES[known["age"]] if known else rng.choice(tuple(AGES.values()))
    age = rng.randint(low, high)
    first = replace(_person(registry, number, place, last_name, age), home=home, previous_home=moved)
    if _is_single(rng, known):
        return (first,)
    partner_name = last_name if happens(rng, 0.75) else _last_name(registry)
    partner = _person(registry, number, place, partner_name, max(19, age + rng.randint(-6, 6)))
    return first, _couple(rng, first, replace(partner, home=home, previous_home=moved))


def _is_single(rng: random.Random, known: dict[str, str] | None) -> bool:
    return known["household_comp"].startswith("1") if known else happens(rng, 0.45)


def _couple(rng: random.Random, first: Shopper, partner: Shopper) -> Shopper:
    """Let the partner share what couples share: a card, a mailbox, a landline, a tablet."""
    shared: dict[str, object] = {"ip": first.ip}
    if happens(rng, 0.3):
        shared |= {"card": first.card, "holds_card": False}
    if happens(rng, 0.12):
        shared["email"] = first.email
    if happens(rng, 0.08):
        shared["phone"] = first.phone
    if happens(rng, 0.1) and first.devices:
        shared |= {"devices": (first.devices[0], *partner.devices), "cookies": (first.cookies[0], *partner.cookies)}
    return replace(partner, **shared)  # type: ignore[arg-type]


def _last_name(registry: PeopleRegistry) -> str:
    if happens(registry.rng, 0.3):
        return registry.rng.choice(COMMON_LAST_NAMES)
    return registry.person.last_name()


def _person(registry: PeopleRegistry, number: int, place: Place, last_name: str, age: int) -> Shopper:
    rng = registry.rng
    names, gender = (FEMALE, Gender.FEMALE) if happens(rng, 0.5) else (MALE, Gender.MALE)
    first_name = rng.choice(tuple(names)) if happens(rng, 0.5) else registry.person.first_name(gender)
    birthday = TODAY - timedelta(days=round((age + rng.random()) * 365.25))
    person_id = registry.person_id()
    devices = rng.choice((0, 1, 1, 1, 2))
    return Shopper(
        person_id=person_id,
        household_id=f"H{number:05d}",
        first_name=first_name,
        last_name=last_name,
        birth_date=birthday.isoformat(),
        email=registry.email(first_name, last_name),
        phone=registry.phone(place),
        language=rng.choice(("en-US", "en-US", "en-US", "en-US", "es-US")),
        home=NOWHERE,
        previous_home=None,
        card=registry.card(),
        holds_card=True,
        devices=tuple(f"d-{rng.getrandbits(48):012x}" for _ in range(devices)),
        cookies=tuple(f"k-{rng.getrandbits(48):012x}" for _ in range(devices)),
        logs_in=happens(rng, 0.8),
        ip=f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}",
    )
