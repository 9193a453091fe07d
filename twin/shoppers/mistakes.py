"""The mistakes of real life, one source record at a time."""

import random
from typing import Final

from twin.shoppers.chance import happens, outcome
from twin.shoppers.people import Home, Shopper
from twin.shoppers.vocabulary import (
    NICKNAMES,
    PLACEHOLDER_BIRTH_DATE,
    PLACEHOLDER_EMAILS,
    PLACEHOLDER_PHONES,
    STREET_SUFFIXES,
)

Row = dict[str, str]
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
SHORTEST_TO_MISTYPE: Final = 4
MONTHS: Final = 12


def contact(rng: random.Random, person: Shopper, *, home: Home | None = None) -> Row:
    """Return name, e-mail, phone, address and birth date as some clerk or form wrote them down."""
    return {
        "first_name": first_name(rng, person.first_name),
        "last_name": last_name(rng, person.last_name),
        "email": email(rng, person.email),
        "phone": phone(rng, person.phone),
        **address(rng, home or person.home),
        "birth_date": birth_date(rng, person.birth_date),
    }


def typo(rng: random.Random, text: str) -> str:
    """Swap, drop or replace one letter inside a text that is long enough."""
    if len(text) < SHORTEST_TO_MISTYPE:
        return text
    at = rng.randint(1, len(text) - 2)
    before, here, after = text[:at], text[at : at + 2], text[at + 2 :]
    return before + rng.choice((here[::-1], here[1], rng.choice(_LETTERS) + here[1])) + after


def first_name(rng: random.Random, name: str) -> str:
    """Nickname, initial, typo or another case, now and then."""
    mistake = outcome(rng, nickname=0.18, initial=0.03, typo=0.04)
    if mistake == "nickname" and name in NICKNAMES:
        return rng.choice(NICKNAMES[name])
    if mistake == "initial":
        return name[0]
    return typo(rng, name) if mistake == "typo" else _case(rng, name)


def last_name(rng: random.Random, name: str) -> str:
    """Typo or another case, now and then."""
    return typo(rng, name) if happens(rng, 0.04) else _case(rng, name)


def _case(rng: random.Random, text: str) -> str:
    case = outcome(rng, upper=0.04, lower=0.04)
    return {"upper": text.upper(), "lower": text.lower(), "": text}[case]


def email(rng: random.Random, value: str) -> str:
    """Missing, a placeholder, mistyped or in capitals, now and then."""
    mistake = outcome(rng, missing=0.12, placeholder=0.03, typo=0.03, capitals=0.05)
    name, domain = value.split("@")
    return {
        "missing": "",
        "placeholder": rng.choice(PLACEHOLDER_EMAILS),
        "typo": f"{typo(rng, name)}@{domain}",
        "capitals": value.title(),
        "": value,
    }[mistake]


def phone(rng: random.Random, value: str) -> str:
    """Missing, a placeholder or in one of the many ways to write a number."""
    mistake = outcome(rng, missing=0.15, placeholder=0.03)
    area, exchange, line = value[2:5], value[5:8], value[8:]
    styles = (f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}", f"{area}{exchange}{line}", value)
    return {"missing": "", "placeholder": rng.choice(PLACEHOLDER_PHONES), "": rng.choice(styles)}[mistake]


def birth_date(rng: random.Random, value: str) -> str:
    """Missing, a placeholder, or with day and month swapped where that is a date."""
    mistake = outcome(rng, missing=0.12, placeholder=0.03, swapped=0.02)
    year, month, day = value.split("-")
    swapped = f"{year}-{day}-{month}" if int(day) <= MONTHS else value
    return {"missing": "", "placeholder": PLACEHOLDER_BIRTH_DATE, "swapped": swapped, "": value}[mistake]


def address(rng: random.Random, home: Home) -> Row:
    """Missing in part or as a whole, or abbreviated, now and then."""
    mistake = outcome(rng, missing=0.08, no_postal_code=0.04)
    if mistake == "missing":
        return {"street": "", "city": "", "state": "", "postal_code": ""}
    street = home.street
    if happens(rng, 0.4):
        name, _, suffix = street.rpartition(" ")
        street = f"{name} {STREET_SUFFIXES[suffix]}"
    return {
        "street": street,
        "city": _case(rng, home.city),
        "state": home.state,
        "postal_code": "" if mistake == "no_postal_code" else home.postal_code,
    }
