"""Normalisation: equal values become equal texts, and values without information are dropped.

There are two forms. The *match* form (`normalise_*`) is compared and hashed. The *clean* form (`clean_*`) is the value
as the person gave it, tidied, for the profile. Every function is idempotent.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final

import phonenumbers
from anyascii import anyascii

from c360_core.identity.vocabulary import (
    ADDRESS_WORDS,
    COUNTRY_CODES,
    GENERATIONS,
    NAME_SUFFIXES,
    NICKNAMES,
    PLACEHOLDER_DOMAINS,
    PLACEHOLDER_MAILBOXES,
    PLACEHOLDER_NAMES,
    POSTAL_CODE_DIGITS,
    POSTAL_PREFIXES,
    ROLE_MAILBOXES,
    STATE_CODES,
    TITLES,
)
from c360_core.names import IdentifierType

DEFAULT_REGION: Final = "US"
UNKNOWN_REGION: Final = "ZZ"
EARLIEST_BIRTH_YEAR: Final = 1905  # unless the contract sets `earliestBirthDate`
PLACEHOLDER_DATES: Final = frozenset({"1900-01-01", "1901-01-01", "1970-01-01", "2000-01-01"})

PLACEHOLDER: Final = "placeholder"
INVALID: Final = "invalid"
ROLE: Final = "role_mailbox"
NO_AREA: Final = "no_area"

_MAILBOX: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_TOP_LEVEL: Final = re.compile(r"[a-z]{2,}|xn--[a-z0-9-]+")
_PUNYCODE: Final = "xn--"
_DOT: Final = re.compile("[.\u3002\uff0e\uff61]")  # full stops of other scripts separate labels too
_LONGEST_MAILBOX: Final = 64
_LONGEST_LABEL: Final = 63
_LONGEST_DOMAIN: Final = 253
_MIN_REPEATED_LETTERS: Final = 3
_WIDE_AT: Final = re.compile(r"\s*(?:\(at\)|\[at\])\s*")
# Full-width letters, digits and signs of East Asian keyboards -> their usual width.
_PLAIN_WIDTH: Final = {0xFF01 + offset: 0x21 + offset for offset in range(0x5E)}
# Invisible characters outside the category of format characters: fillers, grapheme joiners, variation selectors.
_INVISIBLE: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | {
    chr(code) for code in range(0xFE00, 0xFE10)
}
_BRACKETED: Final = re.compile(r"<([^<>]+)>")
_NOT_A_LETTER: Final = re.compile(r"[^a-z]")
_NOT_A_DIGIT: Final = re.compile(r"\D")
_SPACE: Final = re.compile(r"\s+")
_EMPTY_WORDS: Final = frozenset({"", "null", "none", "nan", "n/a", "-", "--", "?", "unknown", "undefined"})
# Entries in the name field of a form that are no name in any language.
_NO_NAMES: Final = frozenset({"", "n/a", "-", "--", "?"})
_MIN_REPEATED_DIGITS: Final = 7
_MIN_NUMBER_DIGITS: Final = 6
_LONGEST_PHONE: Final = 100
_POSSIBLE: Final = phonenumbers.ValidationResult.IS_POSSIBLE
_LOCAL_ONLY: Final = phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
_FLOAT: Final = re.compile(
    r"(?P<plus>\+?)(?P<whole>[0-9]+)(?:[.,](?P<rest>[0-9]+))?(?:[eE]\+?(?P<exponent>[0-9]{1,2}))?"
)
_NUMBER: Final = re.compile(r"(?:[+(][+(\s]*)?\d(?:[\d\s().+/\u2010-\u2015\u2212-]*\d)?")
_POSTAL_PREFIX: Final = re.compile(r"(?P<sign>[A-Z]{1,3})(?P<between>-| ?)(?P<code>[0-9][0-9 -]{2,})")
_US_STATES: Final = frozenset(STATE_CODES.values())
_NOT_IN_A_CODE: Final = re.compile(r"[^A-Z0-9]")
_SHORTEST_ID: Final = 2


@dataclass(frozen=True, slots=True)
class Normalised:
    """A value in match form, or None and the reason.

    Attributes:
        value: the match form; None if there is nothing to match on.
        dropped: why a given value is not used (`placeholder`, `invalid`, `role_mailbox`, `no_area`); None
            otherwise.
    """

    value: str | None
    dropped: str | None = None


ABSENT: Final = Normalised(None)


def text_of(raw: object) -> str:
    """Return the trimmed text of a raw value; words that mean "no value" (null, n/a, ...) become empty."""
    if raw is None:
        return ""
    text = _SPACE.sub(" ", str(raw)).strip()
    return "" if text.lower() in _EMPTY_WORDS else text


def visible(text: str) -> str:
    """Return a text without invisible characters, which copy and paste often adds."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c not in _INVISIBLE and unicodedata.category(c) not in {"Cc", "Cf"}).strip()


def _plain_width(text: str) -> str:
    return text if text.isascii() else text.translate(_PLAIN_WIDTH)


def clean_email(raw: object) -> str:
    """Return the address in the form used to send mail: lower case, without display name or `(at)`.

    A space inside an address stays: without it the text could become another person's address.
    """
    text = _WIDE_AT.sub("@", _plain_width(visible(text_of(raw))).lower())
    bracketed = _BRACKETED.findall(text)
    if len(bracketed) == 1:
        text = bracketed[0]
    text = text.strip().removeprefix("mailto:").strip(".,; ")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@lru_cache(maxsize=200_000)
def _email(raw: str) -> Normalised:
    text = clean_email(raw)
    if not text:
        return ABSENT
    mailbox, _, written = text.rpartition("@")
    domain = _domain(written)
    if domain is None or not _is_mailbox(mailbox):
        return Normalised(None, INVALID)
    domain = "gmail.com" if domain == "googlemail.com" else domain
    mailbox = mailbox.partition("+")[0] or mailbox
    if domain == "gmail.com":
        mailbox = mailbox.replace(".", "")
    reason = _drop_reason(mailbox, domain)
    return Normalised(None, reason) if reason else Normalised(f"{mailbox}@{domain}")


def _is_mailbox(text: str) -> bool:
    """Return True for a valid local part: ASCII by RFC 5322 without quotes, other scripts by RFC 6531."""
    if not 0 < len(text.encode(errors="replace")) <= _LONGEST_MAILBOX:
        return False
    if text.isascii():
        return _MAILBOX.fullmatch(text) is not None
    return all(_MAILBOX.fullmatch(c) if c.isascii() else unicodedata.category(c)[0] not in "CZ" for c in text)


def _domain(written: str) -> str | None:
    """Return a domain in its DNS form, with internationalised labels in Punycode; None if it is no domain.

    Labels are mapped as in browsers (UTS 46, non-transitional: a sharp s stays a sharp s). Python's own codec follows
    older rules, by which two domains of different owners become one.
    """
    labels = [_label(label) for label in _DOT.split(written.removesuffix("."))]
    domain = ".".join(label or "" for label in labels)
    good = len(labels) > 1 and all(labels) and len(domain) <= _LONGEST_DOMAIN and _TOP_LEVEL.fullmatch(labels[-1] or "")
    return domain if good else None


def _label(written: str) -> str | None:
    """Return a label in ASCII; a Punycode label only if it is the canonical encoding of its letters."""
    try:
        if not written.startswith(_PUNYCODE):
            label = written if written.isascii() else _punycode(written)
        else:
            label = _punycode(written.removeprefix(_PUNYCODE).encode("ascii").decode("punycode"))
            if label != written:
                return None
    except (UnicodeError, ValueError, OverflowError):
        return None
    return label if len(label) <= _LONGEST_LABEL and _LABEL.fullmatch(label) else None


def _punycode(letters: str) -> str:
    label = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", letters).lower())
    if label.isascii():
        return label
    if not all(c == "-" or c.isalnum() or unicodedata.category(c)[0] == "M" for c in label):
        raise ValueError("a label may only have letters, digits and hyphens")
    return _PUNYCODE + label.encode("punycode").decode("ascii")


def _drop_reason(mailbox: str, domain: str) -> str | None:
    """Return why an address does not identify a person; None if it may."""
    if not mailbox:
        return INVALID
    if domain in PLACEHOLDER_DOMAINS or domain.endswith((".invalid", ".test", ".localhost")):
        return PLACEHOLDER
    if mailbox in PLACEHOLDER_MAILBOXES or _is_filler(mailbox):
        return PLACEHOLDER
    return ROLE if mailbox in ROLE_MAILBOXES else None


def _is_filler(mailbox: str) -> bool:
    """Return True if a mailbox is only zeros, only signs, or one repeated letter; `a` and `888` are real mailboxes."""
    if not any(c.isalnum() for c in mailbox) or set(mailbox) == {"0"}:
        return True
    return len(mailbox) >= _MIN_REPEATED_LETTERS and mailbox.isalpha() and len(set(mailbox)) == 1


def normalise_email(raw: object) -> Normalised:
    """Return the mailbox of an address: lower case, without `+tag`, and without dots if the provider ignores them."""
    return _email(text_of(raw))


@lru_cache(maxsize=200_000)
def _phone(raw: str, region: str) -> Normalised:
    text = _without_remark(_from_spreadsheet(_plain_width(visible(raw)))) if len(raw) <= _LONGEST_PHONE else ""
    digits = _NOT_A_DIGIT.sub("", text)
    if not digits:
        return Normalised(None, INVALID) if raw else ABSENT
    if _is_repeated_or_counting(digits):
        return Normalised(None, PLACEHOLDER)
    number, length = _read_number(text, region)
    if number is not None and _is_repeated_or_counting(str(number.national_number)):
        return Normalised(None, PLACEHOLDER)
    if number is None or length != _POSSIBLE:
        return Normalised(None, NO_AREA if length == _LOCAL_ONLY else INVALID)
    return Normalised(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normalise_phone(raw: object, region: str = DEFAULT_REGION) -> Normalised:
    """Return the number in E.164; `region` is the country of numbers without a country code.

    A number without an area code does not identify a person: it is dropped as `no_area`.
    """
    return _phone(text_of(raw), region)


def shown_phone(raw: object, region: str = DEFAULT_REGION) -> str:
    """Return the number as shown in the profile: E.164, or as given if it has no area code."""
    form = normalise_phone(raw, region)
    return form.value or (visible(text_of(raw)) if form.dropped == NO_AREA else "")


def _from_spreadsheet(text: str) -> str:
    """Return the phone number that a spreadsheet turned into a float, if it still has all digits."""
    found = _FLOAT.fullmatch(text)
    if found is None:
        return text
    plus, whole, rest, exponent = found["plus"], found["whole"], found["rest"] or "", int(found["exponent"] or 0)
    if not exponent and (rest.strip("0") or len(whole) < _MIN_REPEATED_DIGITS):
        return text  # 555.0143: the dot is a separator
    digits, lost = rest[:exponent], rest[exponent:]
    if len(digits) < exponent or lost.strip("0"):
        return ""  # 4.91E+12: most digits are lost
    return f"{plus}{whole}{digits}"


def _without_remark(text: str) -> str:
    """Return the first phone number in a text; empty if a second number follows."""
    found = _NUMBER.search(text)
    if found is None or len(_NOT_A_DIGIT.sub("", text[found.end() :])) >= _MIN_NUMBER_DIGITS:
        return ""
    return found.group()


def _read_number(text: str, region: str) -> tuple[phonenumbers.PhoneNumber | None, int]:
    """Return the most likely number in a text, and whether its length fits the numbering plan of its country.

    The check is "possible", not "valid": numbering plans change faster than their metadata, and fiction uses 555
    numbers.
    """
    readings = [_parsed(way, region) for way in _ways_to_read(text, region)]
    possible = [(number, length) for number, length in readings if number is not None and length == _POSSIBLE]
    if len(possible) > 1:
        possible.sort(key=lambda read: not phonenumbers.is_valid_number(read[0]))
    return possible[0] if possible else readings[0]


def _ways_to_read(text: str, region: str) -> tuple[str, ...]:
    if text.count("+") > 1:
        return _without_added_prefix(text)
    if text.lstrip("( ").startswith("00"):
        # Most countries dial 00 for abroad; people there write it even for a country that uses another prefix.
        return text, "+" + text.lstrip("( ")[2:]
    if region == DEFAULT_REGION or not text.startswith(str(phonenumbers.country_code_for_region(region))):
        return (text,)
    # A spreadsheet drops the plus. If the country has a trunk prefix (0), a national number would begin with that
    # instead.
    return (
        (f"+{text}", text) if phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) else (text, f"+{text}")
    )


def _without_added_prefix(text: str) -> tuple[str, ...]:
    """Read `+1+4155550123`: a form added its prefix to the typed text, which may already have had one."""
    first, _, typed = text.rpartition("+")
    prefix = _NOT_A_DIGIT.sub("", first)
    whole, alone = f"+{prefix}{typed}", f"+{typed}"
    return (alone, whole) if typed.strip("( ").startswith(prefix) else (whole, alone)


def _parsed(text: str, region: str) -> tuple[phonenumbers.PhoneNumber | None, int]:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None, phonenumbers.ValidationResult.INVALID_LENGTH
    return number, phonenumbers.is_possible_number_with_reason(number)


@lru_cache(maxsize=10_000)
def _region(raw: str, otherwise: str) -> str:
    code = raw.upper().replace(".", "")
    if not code:
        return otherwise
    return code if code in phonenumbers.SUPPORTED_REGIONS else COUNTRY_CODES.get(letters(raw), UNKNOWN_REGION)


def region_of(raw: object, otherwise: str = DEFAULT_REGION) -> str:
    """Return the ISO 3166 code of a country, given as code or name; `otherwise` if the value is empty.

    An unknown country gives `UNKNOWN_REGION`, in which only numbers with a country code can be read.
    """
    return _region(text_of(raw), otherwise)


def _is_repeated_or_counting(digits: str) -> bool:
    if len(digits) < _MIN_REPEATED_DIGITS:
        return False
    tail = digits[-_MIN_REPEATED_DIGITS:]
    return len(set(tail)) == 1 or digits in "01234567890123456789" or digits in "98765432109876543210"


def letters(raw: object) -> str:
    """Return the Latin letters of a text in lower case; other scripts are transliterated, emoji are dropped."""
    return "" if raw is None else _NOT_A_LETTER.sub("", _latin(str(raw)).lower())


def _latin(text: str) -> str:
    """Transliterate without emoji: they would become words such as `grinning`, which are no names."""
    if text.isascii():
        return text
    return anyascii("".join(c for c in text if c.isascii() or unicodedata.category(c)[0] not in "SC"))


def name_text(raw: object) -> str:
    """Return the trimmed text of a name; entries such as `n/a` or `-` become empty.

    Null, Nan and None are real names; whether they mean "no value" is for the contract to define.
    """
    if raw is None:
        return ""
    text = _SPACE.sub(" ", str(raw)).strip()
    return "" if text.lower() in _NO_NAMES else text


@lru_cache(maxsize=100_000)
def _given_name(raw: str) -> Normalised:
    words = [word for word in (letters(part) for part in raw.replace(".", " ").split()) if word]
    if not words:
        return ABSENT
    # Only the first of several given names counts, because not all forms ask for the others.
    name = next((word for word in words if word not in TITLES), words[0])
    is_nobody = {name, "".join(words)} & PLACEHOLDER_NAMES or _is_one_letter(name)
    return Normalised(None, PLACEHOLDER) if is_nobody else Normalised(name)


def normalise_given_name(raw: object) -> Normalised:
    """Return the given name without folding nicknames: first word, Latin letters."""
    return _given_name(name_text(raw))


def normalise_first_name(raw: object) -> Normalised:
    """Return the given name with nicknames folded: `Bob` and `Robert` are equal."""
    given = normalise_given_name(raw)
    return Normalised(NICKNAMES.get(given.value, given.value)) if given.value else given


def _is_one_letter(name: str) -> bool:
    return len(name) > 2 and len(set(name)) == 1  # noqa: PLR2004  # `Oo` is a family name, `xxx` is not


def normalise_last_name(raw: object) -> Normalised:
    """Return the family name as Latin letters only, so that `O'Brien-Smith` and `OBRIEN SMITH Jr.` are equal."""
    return _last_name(name_text(raw))


def generation_of(*names: object) -> str | None:
    """Return the generation suffix of names: `sr`, `jr`, `ii`, ...; None if there is none.

    Father and son may share name and street; only this suffix distinguishes them.
    """
    words = [letters(word) for name in names for word in name_text(name).replace(",", " ").split()[1:]]
    return next((GENERATIONS[word] for word in words if word in GENERATIONS), None)


def is_name_suffix(word: str) -> bool:
    """Return True if a word after a name is a suffix such as `Jr.`, `III` or `MD`."""
    return letters(word) in NAME_SUFFIXES


@lru_cache(maxsize=100_000)
def _last_name(raw: str) -> Normalised:
    words = [word for word in (letters(part) for part in raw.replace(",", " ").split()) if word]
    while len(words) > 1 and words[-1] in NAME_SUFFIXES:
        words.pop()
    name = "".join(words)
    if not name:
        return ABSENT
    return Normalised(None, PLACEHOLDER) if name in PLACEHOLDER_NAMES or _is_one_letter(name) else Normalised(name)


@lru_cache(maxsize=100_000)
def _street(raw: str) -> Normalised:
    text = _latin(raw.replace("#", " number ")).lower().replace("'", "")
    words = re.sub(r"[^a-z0-9]+", " ", text).split()
    kept = [short for short in (ADDRESS_WORDS.get(word, word) for word in words) if short]
    if not kept:
        return ABSENT
    if letters("".join(kept)) in PLACEHOLDER_NAMES:
        return Normalised(None, PLACEHOLDER)
    return Normalised(" ".join(kept))


def normalise_street(raw: object) -> Normalised:
    """Return street and house number: abbreviations unified, letters and digits only, single spaces."""
    return _street(text_of(raw))


def normalise_city(raw: object) -> Normalised:
    """Return the place name as Latin letters only."""
    name = letters(name_text(raw))
    return Normalised(None, PLACEHOLDER) if name in PLACEHOLDER_NAMES else Normalised(name or None)


def normalise_state(raw: object) -> Normalised:
    """Return the two-letter code of a US state; other values in upper case."""
    text = text_of(raw)
    return Normalised(STATE_CODES.get(letters(text), text.upper()) or None)


def normalise_postal_code(raw: object, region: str = DEFAULT_REGION) -> Normalised:
    """Return a postal code in the form of its country, without spaces, hyphens and the US extension.

    A prefix such as `D-` names the country and is removed; otherwise `region` decides. If codes have a fixed number of
    digits, leading zeros that spreadsheets drop are restored.
    """
    return _postal_code(text_of(raw), region)


@lru_cache(maxsize=100_000)
def _postal_code(raw: str, region: str) -> Normalised:
    text = _plain_width(visible(raw)).upper()
    prefixed = _POSTAL_PREFIX.fullmatch(text)
    if prefixed and prefixed["sign"] in _US_STATES and region == "US" and prefixed["between"] != "-":
        text = prefixed["code"]  # IL 60601 is in Illinois
    elif prefixed and prefixed["sign"] in POSTAL_PREFIXES:
        region, text = POSTAL_PREFIXES[prefixed["sign"]], prefixed["code"]
    text = text.removesuffix(".0")
    if region == "US":
        text = text.partition("-")[0]
    text = _NOT_IN_A_CODE.sub("", text)
    if not text:
        return Normalised(None, INVALID) if raw else ABSENT
    if text.isdigit():
        length = POSTAL_CODE_DIGITS.get(region, len(text))
        text = text.zfill(length)[: length if region == "US" else None]
    return Normalised(None, PLACEHOLDER) if set(text) <= {"0"} or text == "99999" else Normalised(text)


def normalise_birth_date(
    raw: object, today: date | None = None, earliest: date = date(EARLIEST_BIRTH_YEAR, 1, 1)
) -> Normalised:
    """Return the date in ISO form; drop impossible, future and placeholder dates and those before `earliest`.

    Reads ISO (`1980-05-17`), compact (`19800517`) and, with slashes, the American order (`5/17/1980`).
    """
    parsed = _date(raw)
    if parsed is None:
        return Normalised(None, INVALID) if text_of(raw) else ABSENT
    if parsed.isoformat() in PLACEHOLDER_DATES:
        return Normalised(None, PLACEHOLDER)
    if parsed < earliest or (today is not None and parsed > today):
        return Normalised(None, INVALID)
    return Normalised(parsed.isoformat())


def _date(raw: object) -> date | None:
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    text = text_of(raw)[:10]
    for form in ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  # a birth date has no time zone
        except ValueError:
            continue
    return None


def _account(raw: object) -> Normalised:
    text = text_of(raw).upper().replace(" ", "")
    if not text:
        return ABSENT
    return Normalised(None, PLACEHOLDER) if set(text) <= {"0"} or len(text) < _SHORTEST_ID else Normalised(text)


def _opaque(raw: object) -> Normalised:
    text = text_of(raw)
    if not text:
        return ABSENT
    # Browsers that block tracking send an id of zeros.
    return Normalised(None, PLACEHOLDER) if set(text) <= set("0-") else Normalised(text)


def _ip(raw: object) -> Normalised:
    text = text_of(raw)
    if not text:
        return ABSENT
    try:
        return Normalised(str(ipaddress.ip_address(text)))
    except ValueError:
        return Normalised(None, INVALID)


_BY_TYPE: Final[Mapping[IdentifierType, Callable[[object], Normalised]]] = {
    IdentifierType.LOYALTY_ID: _account,
    IdentifierType.CRM_ID: _account,
    IdentifierType.CASE_SYSTEM_ID: _account,
    IdentifierType.EMAIL: normalise_email,
    IdentifierType.PHONE: normalise_phone,
    IdentifierType.SOCIAL_ID: _opaque,
    IdentifierType.DEVICE_ID: _opaque,
    IdentifierType.COOKIE_ID: _opaque,
    IdentifierType.PUSH_TOKEN: _opaque,
    IdentifierType.IP: _ip,
}


def normalise(identifier_type: IdentifierType, raw: object) -> Normalised:
    """Return the match form of an identifier."""
    return _BY_TYPE[identifier_type](raw)
