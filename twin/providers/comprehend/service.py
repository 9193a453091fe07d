"""Languages by py3langid, the sentiment of English by VADER, personal data by its form.

The shapes, limits and errors are Comprehend's; the scores are those of a lexicon, so a text may score otherwise on AWS.
What VADER cannot score is refused by name, and personal data without a form, such as a name, is not found.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, Protocol

from py3langid.langid import MODEL_FILE, LanguageIdentifier
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from twin.emulator.wire import ServiceError

Document = dict[str, Any]

DOCUMENTS: Final = 25
BYTES: Final = 5_000
LARGEST_TEXT: Final = 100_000
SCORED: Final = "en"
PERSONAL_DATA_LANGUAGES: Final = ("en", "es")
LANGUAGES_NAMED: Final = 3
FORMS: Final = {
    "EMAIL": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "URL": re.compile(r"https?://\S+"),
    "IP_ADDRESS": re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),
    "CREDIT_DEBIT_NUMBER": re.compile(r"\b(?:\d[ -]?){13,18}\d\b"),
    "PHONE": re.compile(r"(?<!\w)(?:\+\d{1,3}[ .-]?)?(?:\(\d{3}\)|\d{3})[ .-]?\d{3}[ .-]?\d{4}\b"),
}


class Identifier(Protocol):
    """What ranks the languages of a text."""

    def rank(self, text: str) -> list[tuple[str, float]]:
        """Return languages with their chances, the likeliest first."""


@cache
def _identifier() -> Identifier:
    found: Identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    return found


@cache
def _lexicon() -> SentimentIntensityAnalyzer:
    return SentimentIntensityAnalyzer()


class Comprehend:
    """The stand-in; every public method is an operation of the service."""

    def batch_detect_dominant_language(self, request: Document) -> Document:
        """Name the likeliest languages of texts."""
        return _each(request["TextList"], lambda text: {"Languages": languages(text)})

    def batch_detect_sentiment(self, request: Document) -> Document:
        """Score English texts."""
        _require(request["LanguageCode"], (SCORED,), "scores the sentiment of")
        return _each(request["TextList"], sentiment)

    def detect_pii_entities(self, request: Document) -> Document:
        """Find personal data that has a form."""
        _require(request["LanguageCode"], PERSONAL_DATA_LANGUAGES, "finds personal data in")
        return {"Entities": list(personal_data(_whole(request["Text"])))}

    def contains_pii_entities(self, request: Document) -> Document:
        """Say which personal data that has a form there is."""
        _require(request["LanguageCode"], PERSONAL_DATA_LANGUAGES, "finds personal data in")
        kinds = sorted({entity["Type"] for entity in personal_data(_whole(request["Text"]))})
        return {"Labels": [{"Name": kind, "Score": 1.0} for kind in kinds]}


def languages(text: str) -> list[Document]:
    """Return the likeliest languages of a text."""
    ranked = _identifier().rank(text)[:LANGUAGES_NAMED]
    return [{"LanguageCode": code, "Score": float(chance)} for code, chance in ranked]


def sentiment(text: str) -> Document:
    """Return Comprehend's four parts of a text, which add up to 1: positive less negative is VADER's compound score.

    What speaks for both at once counts as mixed, as far as the compound score leaves room for it.
    """
    found = _lexicon().polarity_scores(text)
    compound = float(found["compound"])
    mixed = (1 - abs(compound)) * min(1.0, 2 * min(found["pos"], found["neg"]))
    parts = {
        "Positive": max(compound, 0.0),
        "Negative": max(-compound, 0.0),
        "Mixed": mixed,
        "Neutral": max(0.0, 1 - abs(compound) - mixed),
    }
    largest = max(parts, key=lambda part: parts[part])
    return {"Sentiment": largest.upper(), "SentimentScore": parts}


def personal_data(text: str) -> Iterator[Document]:
    """Yield what looks like personal data, with its place in characters; of what overlaps only the first form."""
    taken: list[range] = []
    for kind, form in FORMS.items():
        for match in form.finditer(text):
            begin, end = match.span()
            if any(begin < other.stop and other.start < end for other in taken):
                continue
            if kind == "CREDIT_DEBIT_NUMBER" and not _is_card(match.group()):
                continue
            taken.append(range(begin, end))
            yield {"Type": kind, "Score": 1.0, "BeginOffset": begin, "EndOffset": end}


def _is_card(text: str) -> bool:
    """Tell whether the digits of a number fulfil Luhn's rule, as those of every card do."""
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _each(texts: list[str], answer: Callable[[str], Document]) -> Document:
    if len(texts) > DOCUMENTS:
        raise ServiceError("BatchSizeLimitExceededException", f"{len(texts)} documents are more than {DOCUMENTS}")
    if any(not text for text in texts):
        raise ServiceError("InvalidRequestException", "a document is empty")
    results, errors = [], []
    for index, text in enumerate(texts):
        if len(text.encode()) > BYTES:
            code, message = "TextSizeLimitExceededException", f"the document has more than {BYTES} bytes"
            errors.append({"Index": index, "ErrorCode": code, "ErrorMessage": message})
        else:
            results.append({"Index": index, **answer(text)})
    return {"ResultList": results, "ErrorList": errors}


def _whole(text: str) -> str:
    if len(text.encode()) > LARGEST_TEXT:
        raise ServiceError("TextSizeLimitExceededException", f"the text has more than {LARGEST_TEXT} bytes")
    return text


def _require(language: str, known: tuple[str, ...], does: str) -> None:
    if language not in known:
        raise ServiceError(
            "UnsupportedLanguageException", f"the laptop twin {does} {' and '.join(known)} alone, and not {language}"
        )
