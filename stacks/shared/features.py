"""Which features of customers the Feature Store keeps: the columns of the mart that models learn from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from c360_core.features import FeatureKind
from stacks.shared.marts import mart_types

MART: Final = "churn_features"
# What happened after the cut is what models foretell, and no feature.
LABELS: Final = ("churned", "spend_next_3_months")
_KINDS: Final[Mapping[str, FeatureKind]] = {
    "bigint": FeatureKind.INTEGRAL,
    "integer": FeatureKind.INTEGRAL,
    "decimal": FeatureKind.FRACTIONAL,
    "double": FeatureKind.FRACTIONAL,
    "varchar": FeatureKind.STRING,
    "date": FeatureKind.STRING,
}


class FeatureTypeError(ValueError):
    """A column of the mart has a type that the Feature Store does not keep; the message names it."""


def feature_kinds(dbt_project: Path) -> Mapping[str, FeatureKind]:
    """Return the kind of each feature by its name, in the order of the mart.

    Raises:
        FeatureTypeError: the Feature Store has no such kind.
    """
    types = {name: stated for name, stated in mart_types(MART, dbt_project).items() if name not in LABELS}
    return {name: _kind(name, stated) for name, stated in types.items()}


def _kind(name: str, stated: str) -> FeatureKind:
    kind = _KINDS.get(stated.partition("(")[0])
    if kind is None:
        raise FeatureTypeError(f"{MART}.{name} is {stated}, which the Feature Store does not keep; make it a number")
    return kind
