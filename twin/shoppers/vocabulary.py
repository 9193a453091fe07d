"""Plain facts that the invented people are made of: names with their short forms, places, words of a complaint."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A city with the first digits of its ZIP codes and its area codes."""

    city: str
    state: str
    zip_prefix: str
    time_zone: str
    area_codes: tuple[int, ...]


def _place(city: str, state: str, zip_prefix: str, time_zone: str, *area_codes: int) -> Place:
    return Place(city=city, state=state, zip_prefix=zip_prefix, time_zone=time_zone, area_codes=area_codes)


_EAST, _CENTRAL, _MOUNTAIN, _PACIFIC = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
)  # fmt: skip
PLACES: Final = (
    _place("Cincinnati", "OH", "452", _EAST, 513, 937),
    _place("Columbus", "OH", "432", _EAST, 614, 740),
    _place("Cleveland", "OH", "441", _EAST, 216, 440),
    _place("Louisville", "KY", "402", _EAST, 502, 270),
    _place("Indianapolis", "IN", "462", "America/Indiana/Indianapolis", 317, 765),
    _place("Atlanta", "GA", "303", _EAST, 404, 770),
    _place("Charlotte", "NC", "282", _EAST, 704, 336),
    _place("Philadelphia", "PA", "191", _EAST, 215, 610),
    _place("Boston", "MA", "021", _EAST, 617, 508),
    _place("Detroit", "MI", "482", "America/Detroit", 313, 248),
    _place("Chicago", "IL", "606", _CENTRAL, 312, 773),
    _place("Nashville", "TN", "372", _CENTRAL, 615, 931),
    _place("Memphis", "TN", "381", _CENTRAL, 901, 731),
    _place("Dallas", "TX", "752", _CENTRAL, 214, 972),
    _place("Houston", "TX", "770", _CENTRAL, 713, 281),
    _place("Milwaukee", "WI", "532", _CENTRAL, 414, 262),
    _place("Kansas City", "MO", "641", _CENTRAL, 816, 660),
    _place("Denver", "CO", "802", _MOUNTAIN, 303, 720),
    _place("Salt Lake City", "UT", "841", _MOUNTAIN, 801, 435),
    _place("Phoenix", "AZ", "850", "America/Phoenix", 602, 480),
    _place("Los Angeles", "CA", "900", _PACIFIC, 213, 310),
    _place("San Diego", "CA", "921", _PACIFIC, 619, 858),
    _place("Portland", "OR", "972", _PACIFIC, 503, 541),
    _place("Seattle", "WA", "981", _PACIFIC, 206, 425),
)

FEMALE: Final = {
    "Elizabeth": ("Liz", "Beth", "Betty"), "Margaret": ("Maggie", "Peggy"), "Katherine": ("Kate", "Kathy"),
    "Patricia": ("Pat", "Patty"), "Jennifer": ("Jen", "Jenny"), "Susan": ("Sue",), "Deborah": ("Debbie", "Deb"),
    "Barbara": ("Barb",), "Rebecca": ("Becky",), "Victoria": ("Vicky",), "Christina": ("Chris", "Tina"),
    "Kimberly": ("Kim",), "Cynthia": ("Cindy",), "Pamela": ("Pam",), "Jessica": ("Jess",), "Amanda": ("Mandy",),
    "Samantha": ("Sam",), "Alexandra": ("Alex", "Sandra"), "Theresa": ("Terry", "Tess"), "Abigail": ("Abby",),
}  # fmt: skip
MALE: Final = {
    "Robert": ("Bob", "Rob", "Bobby"), "William": ("Bill", "Will"), "James": ("Jim", "Jimmy"), "John": ("Jack",),
    "Michael": ("Mike",), "Richard": ("Rick", "Dick"), "Joseph": ("Joe",), "Thomas": ("Tom",), "Charles": ("Chuck",),
    "Christopher": ("Chris",), "Daniel": ("Dan",), "Matthew": ("Matt",), "Anthony": ("Tony",), "Steven": ("Steve",),
    "Andrew": ("Andy", "Drew"), "Edward": ("Ed", "Ted"), "Kenneth": ("Ken",), "Timothy": ("Tim",),
    "Benjamin": ("Ben",), "Gregory": ("Greg",),
}  # fmt: skip
NICKNAMES: Final = {**FEMALE, **MALE}
COMMON_LAST_NAMES: Final = (
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Martinez", "Anderson", "Taylor",
    "Thomas", "Moore", "Jackson", "Lee", "White", "Harris", "Clark", "Lewis", "Walker",
)  # fmt: skip

STREET_SUFFIXES: Final = {
    "Street": "St", "Avenue": "Ave", "Drive": "Dr", "Lane": "Ln", "Road": "Rd", "Court": "Ct", "Boulevard": "Blvd",
    "Terrace": "Ter",
}  # fmt: skip

EMAIL_DOMAINS: Final = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.net")
PLACEHOLDER_EMAILS: Final = ("test@test.com", "none@none.com", "noemail@example.com")
PLACEHOLDER_PHONES: Final = ("0000000000", "9999999999")
PLACEHOLDER_BIRTH_DATE: Final = "1900-01-01"

TOPICS: Final = ("delivery", "billing", "product_quality", "loyalty_points", "store_staff", "web_site")
_SAID: Final = {
    "delivery": "my groceries arrived", "billing": "the charge on my card was handled",
    "product_quality": "the fruit and the bread were", "loyalty_points": "my points were credited",
    "store_staff": "the person at the till treated me", "web_site": "your web site worked",
}  # fmt: skip
_FELT: Final = {
    1: ("terribly, this is the worst service I ever had and I am furious.", "awfully. I am disgusted and will leave."),
    2: ("badly and I am disappointed.", "poorly, which is annoying and unfair."),
    3: ("more or less as expected.", "neither well nor badly."),
    4: ("well, thank you.", "quickly and I am satisfied."),
    5: ("wonderfully, I love it and am very happy!", "perfectly, excellent and friendly service!"),
}


def complaint(topic: str, satisfaction: int, choice: int) -> str:
    """Return what a customer said; `satisfaction` 1..5 sets the tone, `choice` picks the wording."""
    felt = _FELT[satisfaction]
    return f"I want to say how {_SAID[topic]}: {felt[choice % len(felt)]}"
