"""Amazon Comprehend as what says how happy texts sound.

What names a person is taken out first. Then each text is scored in its language: positive minus negative. Neutral and
mixed parts count as nothing, so they draw a score towards 0.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from c360_aws.redaction import MASK, redact
from lambdas.sentiment.logic import BusyAnalyserError, RefusedTextError, Unscored, Verdict

DOCUMENTS_PER_CALL: Final = 25
BYTES_PER_DOCUMENT: Final = 5_000
LANGUAGES: Final = frozenset({"ar", "de", "en", "es", "fr", "hi", "it", "ja", "ko", "pt", "zh", "zh-TW"})
PERSONAL_DATA_LANGUAGES: Final = frozenset({"en", "es"})
LEAST_CERTAIN: Final = 0.5  # what is less certainly personal data stays
# Errors of a whole request after which another attempt may go well; the client has made some already.
PASSING: Final = frozenset(
    {
        "InternalServerException",
        "InternalServerError",
        "InternalFailure",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
# Errors that are the fault of what a request says, not of who asks.
ABOUT_THE_TEXT: Final = frozenset(
    {"InvalidRequestException", "TextSizeLimitExceededException", "UnsupportedLanguageException", "ValidationException"}
)
UNSUPPORTED: Final = "UnsupportedLanguageException"
TOO_MANY: Final = "429"
ATTEMPTS: Final = 3
FIRST_PAUSE_SECONDS: Final = 0.2
SIX_PLACES: Final = Decimal("0.000001")

Key = TypeVar("Key", bound=Hashable)
Answer = dict[str, Any]
NotScored = Unscored | BusyAnalyserError | RefusedTextError


class ComprehendClient(Protocol):
    """The operations of Comprehend that are used."""

    def batch_detect_dominant_language(self, *, TextList: list[str]) -> Answer:  # noqa: N803  # AWS's name
        """Name the languages of texts."""

    def batch_detect_sentiment(self, *, TextList: list[str], LanguageCode: str) -> Answer:  # noqa: N803
        """Score texts of one language."""

    def detect_pii_entities(self, *, Text: str, LanguageCode: str) -> Answer:  # noqa: N803
        """Find personal data in a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a text that Comprehend takes as one document."""

    words: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComprehendAnalyser:
    """The analyser that asks Comprehend.

    Attributes:
        client: of Comprehend; it waits and repeats when the service is busy.
        pause: waits before a document is sent again.
    """

    client: ComprehendClient
    pause: Callable[[float], None] = time.sleep

    def verdicts(self, texts: Sequence[str]) -> Sequence[Verdict]:
        """Return for each text a score from -1 to 1, why there is none, or what went wrong.

        Raises:
            ClientError: Comprehend refuses us, and not a text.
        """
        # Addresses and numbers, which need no model to be found, do not leave at all.
        known = {index: redact(text) for index, text in enumerate(texts)}
        languages = self._languages(known)
        found: dict[int, Verdict] = {}
        pieces: dict[tuple[int, int], Piece] = {}
        for index, language in languages.items():
            if not isinstance(language, str):
                found[index] = language
                continue
            text = self._without_personal_data(known[index], language)
            if not isinstance(text, str):
                found[index] = text
                continue
            for number, words in enumerate(split(text)):
                pieces[index, number] = Piece(words=words, language=language)
        found |= _averages(pieces, self._scores(pieces))
        return [found[index] for index in range(len(texts))]

    def _languages(self, texts: Mapping[int, str]) -> dict[int, str | NotScored]:
        beginnings = {index: next(split(text)) for index, text in texts.items()}

        def ask(documents: list[str]) -> Answer:
            return self.client.batch_detect_dominant_language(TextList=documents)

        return {index: _language(answer) for index, answer in self._ask(ask, beginnings).items()}

    def _without_personal_data(self, text: str, language: str) -> str | NotScored:
        if language not in PERSONAL_DATA_LANGUAGES:
            return text

        def ask(documents: list[str]) -> Answer:
            found = self.client.detect_pii_entities(Text=documents[0], LanguageCode=language)
            return {"ResultList": [{"Index": 0, **found}], "ErrorList": []}

        answer = self._ask(ask, {0: text})[0]
        return masked(text, answer["Entities"]) if isinstance(answer, dict) else answer

    def _scores(self, pieces: Mapping[tuple[int, int], Piece]) -> dict[tuple[int, int], Answer | NotScored]:
        found: dict[tuple[int, int], Answer | NotScored] = {}
        for language in sorted({piece.language for piece in pieces.values()}):

            def ask(documents: list[str], language: str = language) -> Answer:
                return self.client.batch_detect_sentiment(TextList=documents, LanguageCode=language)

            found |= self._ask(ask, {key: one.words for key, one in pieces.items() if one.language == language})
        return found

    def _ask(self, ask: Callable[[list[str]], Answer], documents: Mapping[Key, str]) -> dict[Key, Answer | NotScored]:
        """Ask about documents, as many at a time as a request takes; send again what failed in passing."""
        found: dict[Key, Answer | NotScored] = {}
        waiting = dict(documents)
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            failed: dict[Key, str] = {}
            for request in _requests(waiting):
                found |= _asked(ask, request, failed)
            waiting = {key: documents[key] for key in failed}
            if not waiting:
                break
            found |= {key: BusyAnalyserError(f"Comprehend: {code}") for key, code in failed.items()}
        return found


def _asked(
    ask: Callable[[list[str]], Answer], documents: Mapping[Key, str], failed: dict[Key, str]
) -> dict[Key, Answer | NotScored]:
    """Make one request; add to `failed` what may go well another time, with the error's code."""
    keys = list(documents)
    try:
        answer = ask(list(documents.values()))
    except BotoCoreError as error:
        failed |= dict.fromkeys(keys, type(error).__name__)
        return {}
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in PASSING:
            failed |= dict.fromkeys(keys, code)
            return {}
        if code not in ABOUT_THE_TEXT:
            raise  # it is about us: nothing of this batch is lost, and the alarm goes off
        if len(keys) == 1:
            return {keys[0]: _not_scored(code)}
        # One document spoils the request of all: halve it until the one is alone.
        halves = keys[: len(keys) // 2], keys[len(keys) // 2 :]
        return {
            key: one
            for half in halves
            for key, one in _asked(ask, {key: documents[key] for key in half}, failed).items()
        }
    found: dict[Key, Answer | NotScored] = {keys[one["Index"]]: one for one in answer["ResultList"]}
    for fault in answer["ErrorList"]:
        key, code = keys[fault["Index"]], str(fault["ErrorCode"])
        if _is_about_the_text(code):
            found[key] = _not_scored(code)
        else:
            failed[key] = code
    return found


def _is_about_the_text(code: str) -> bool:
    """Tell whether no other attempt will help. AWS calls the code of one document numeric, and its examples name it."""
    return code in ABOUT_THE_TEXT or (code.isdigit() and code.startswith("4") and code != TOO_MANY)


def _not_scored(code: str) -> NotScored:
    return Unscored.UNSUPPORTED_LANGUAGE if code == UNSUPPORTED else RefusedTextError(f"Comprehend: {code}")


def _language(answer: Answer | NotScored) -> str | NotScored:
    if not isinstance(answer, dict):
        return answer
    best = max(answer["Languages"], key=lambda one: float(one["Score"]), default=None)
    if best is None or best["LanguageCode"] not in LANGUAGES:
        return Unscored.UNSUPPORTED_LANGUAGE
    return str(best["LanguageCode"])


def _averages(
    pieces: Mapping[tuple[int, int], Piece], answers: Mapping[tuple[int, int], Answer | NotScored]
) -> dict[int, Verdict]:
    """Return the score of each text: the mean of its pieces, each by its length; what failed for one fails for all."""
    found: dict[int, Verdict] = {}
    sums: dict[int, tuple[Decimal, int]] = {}
    for (index, number), piece in pieces.items():
        answer = answers[index, number]
        if not isinstance(answer, dict):
            found[index] = answer
            continue
        total, length = sums.get(index, (Decimal(0), 0))
        sums[index] = total + score(answer["SentimentScore"]) * len(piece.words), length + len(piece.words)
    return {index: (total / length).quantize(SIX_PLACES) for index, (total, length) in sums.items()} | found


def score(parts: Mapping[str, float]) -> Decimal:
    """Return positive minus negative, from -1 to 1."""
    difference = Decimal(str(parts["Positive"])) - Decimal(str(parts["Negative"]))
    return max(Decimal(-1), min(Decimal(1), difference))


def masked(text: str, entities: Sequence[Mapping[str, Any]]) -> str:
    """Return a text without the personal data that was found in it."""
    for entity in sorted(entities, key=lambda one: int(one["BeginOffset"]), reverse=True):
        if entity["Score"] >= LEAST_CERTAIN:
            text = text[: entity["BeginOffset"]] + MASK + text[entity["EndOffset"] :]
    return text


def split(text: str, limit: int = BYTES_PER_DOCUMENT) -> Iterator[str]:
    """Yield the parts of a text of at most so many bytes each, cut between words where there are any."""
    rest = text
    while len(rest.encode()) > limit:
        head = rest.encode()[:limit].decode(errors="ignore")
        cut = head.rfind(" ")
        end = cut if cut > 0 else len(head)
        yield head[:end]
        rest = rest[end:].lstrip()
    if rest or not text:
        yield rest


def _requests(documents: Mapping[Key, str]) -> Iterator[dict[Key, str]]:
    left = iter(documents.items())
    while part := dict(islice(left, DOCUMENTS_PER_CALL)):
        yield part
