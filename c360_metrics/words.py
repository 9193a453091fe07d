"""Questions in words: what they ask for by the names and synonyms of metrics, or that they are not understood.

Every word of a question must have a meaning here. A word without one may be the condition that changes the answer, so
it is named and nothing is answered: no answer is better than one to another question.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from c360_metrics.definitions import Metric, Metrics, SemanticModel
from c360_metrics.statements import QuestionError, statement

_WORD: Final = re.compile(r"[\w-]+")
_SPOKEN: Final = re.compile(r"[^\W_]+")
# Words that change no number.
# fmt: off
_EMPTY: Final = frozenset(
    {
        "a", "an", "and", "are", "all", "can", "did", "do", "does", "for", "give", "have", "how", "i", "is", "many",
        "me", "much", "number", "of", "our", "please", "shall", "show", "tell", "the", "there", "to", "total", "us",
        "was", "we", "were", "what", "which", "with",
    }
)
# fmt: on
_BY: Final = frozenset({"by", "per", "each"})
_IN: Final = frozenset({"in"})
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class NotUnderstoodError(ValueError):
    """A question that has no answer here; the message says which word, and what could be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question asks for.

    Attributes:
        by: names of dimensions.
        where: the value of a dimension, by its name.
    """

    metrics: tuple[Metric, ...]
    by: tuple[str, ...]
    where: Mapping[str, str]

    @property
    def statement(self) -> str:
        """The statement that answers it."""
        return statement(self.metrics, by=self.by, where=self.where)


def spoken(name: str) -> tuple[str, ...]:
    """Return a name as one hears it: its words, whatever their case is and whatever stands between them."""
    return tuple(_SPOKEN.findall(name.casefold()))


def names_of_dimension(name: str) -> tuple[str, str]:
    """Return what people call a dimension: one, and several."""
    plain = name.replace("_", " ")
    return plain, f"{plain}s"


def understand(question: str, metrics: Metrics) -> Asked:
    """Return what a question asks for.

    Raises:
        NotUnderstoodError: a word has no meaning here, or the whole has none.
    """
    words = _WORD.findall(question)
    found, rest = _metrics(words, metrics)
    if not found:
        known = ", ".join(sorted(one.label for one in metrics.metrics.values()))
        raise NotUnderstoodError(f"I do not know what number is meant; I know {known}")
    models = {one.model.name: one.model for one in found}
    if len(models) != 1:
        names = " and ".join(one.label for one in found)
        raise NotUnderstoodError(f"I cannot answer for {names} at once: they are of different tables; ask for one")
    [model] = models.values()
    by, where = _conditions(rest, model)
    asked = Asked(metrics=tuple(found), by=tuple(by), where=where)
    try:
        _ = asked.statement
    except QuestionError as error:
        raise NotUnderstoodError(f"I do not know: {error}") from error
    return asked


def _metrics(words: Sequence[str], metrics: Metrics) -> tuple[list[Metric], list[str]]:
    """Return the metrics that a question names, the longest names first, and the words that are left, in order."""
    names = {tuple(_WORD.findall(name)): metric for metric in metrics.metrics.values() for name in _names(metric)}
    longest = max(map(len, names))
    found: list[Metric] = []
    rest: list[str] = []
    place = 0
    while place < len(words):
        for size in range(min(longest, len(words) - place), 0, -1):
            metric = names.get(tuple(word.casefold() for word in words[place : place + size]))
            # After "by" stands what the number is divided by, whatever else it may be called.
            if metric is not None and not (rest and rest[-1].casefold() in _BY):
                found += [metric] if metric not in found else []
                place += size
                break
        else:
            rest.append(words[place])
            place += 1
    return found, rest


def _names(metric: Metric) -> Iterator[str]:
    yield metric.label.casefold()
    yield metric.name.replace("_", " ")
    yield from (synonym.casefold() for synonym in metric.synonyms)


def _conditions(words: Sequence[str], model: SemanticModel) -> tuple[list[str], dict[str, str]]:
    names = {tuple(_WORD.findall(name)): one.name for one in model.dimensions for name in names_of_dimension(one.name)}
    by: list[str] = []
    where: dict[str, str] = {}
    dividing, place = False, 0
    while place < len(words):
        word = words[place]
        lower = word.casefold()
        size = next((n for n in (3, 2, 1) if tuple(w.casefold() for w in words[place : place + n]) in names), 0)
        if lower in _BY:
            dividing = True
        elif dividing and size:
            by.append(names[tuple(w.casefold() for w in words[place : place + size])])
            place += size - 1
        elif _CURRENCY.fullmatch(word) and any(one.name == "currency" for one in model.dimensions):
            where["currency"] = word
        elif lower not in _EMPTY | _IN:
            known = ", ".join(one.name.replace("_", " ") for one in model.dimensions)
            raise NotUnderstoodError(f"I do not know `{word}`; this number can be divided by {known}")
        place += 1
    if dividing and not by:
        raise NotUnderstoodError("I do not know by what to divide the number")
    return by, where
