"""Scores of one customer, now: the features from SageMaker's Feature Store, and the answer of a model's endpoint."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from c360_core.features import MODEL_OF, RECORDED_AT, FeatureError, FeatureKind, row_of

_LINES: Final = "application/jsonlines"
_DIGITS: Final = 6  # as many as a profile keeps


class ScorerUnavailableError(RuntimeError):
    """The store or the endpoint gave no answer; the message says which, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the model in service says of a customer.

    Attributes:
        value: the score.
        recorded_at: when its features were recorded.
        features: what the model was told, by name; None is unknown.
    """

    value: float
    recorded_at: str
    features: Mapping[str, str | int | float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureScorer:
    """Asks models about one customer.

    Attributes:
        store: a client of the Feature Store's records.
        runtime: a client of the endpoints.
        group: the group of the features.
        endpoints: by model.
        kinds: of the features.
    """

    store: Any
    runtime: Any
    group: str
    endpoints: Mapping[str, str]
    kinds: Mapping[str, FeatureKind]

    def score(self, person_id: str, score: str) -> Scored | None:
        """Return the score of a name; None where no features of the person are kept.

        Raises:
            ScorerUnavailableError: there is no answer now.
        """
        record = self._record(person_id)
        if not record:
            return None
        model = MODEL_OF[score]
        try:
            row = row_of(record, self.kinds)
            answer = self.runtime.invoke_endpoint(
                EndpointName=self.endpoints[model],
                ContentType=_LINES,
                Accept=_LINES,
                Body=json.dumps(row).encode(),
            )
            said = json.loads(answer["Body"].read())
            value = round(float(said["score"]), _DIGITS)
        except (BotoCoreError, ClientError) as error:
            raise ScorerUnavailableError(f"the endpoint of {model} did not answer ({_code(error)})") from error
        except (FeatureError, ValueError, KeyError, TypeError) as error:
            raise ScorerUnavailableError(f"the answer about {score} cannot be read ({type(error).__name__})") from error
        recorded = next((one["ValueAsString"] for one in record if one["FeatureName"] == RECORDED_AT), "")
        return Scored(value=value, recorded_at=recorded, features=row)

    def _record(self, person_id: str) -> list[Mapping[str, str]]:
        try:
            found = self.store.get_record(FeatureGroupName=self.group, RecordIdentifierValueAsString=person_id)
        except (BotoCoreError, ClientError) as error:
            raise ScorerUnavailableError(f"the features could not be read ({_code(error)})") from error
        return list(found.get("Record", ()))


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "ClientError"))
    return type(error).__name__
