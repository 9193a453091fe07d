"""What the Feature Store keeps is what the models are told, and no label."""

from c360_core.features import CUT as KEPT_CUT
from c360_core.features import MODEL_OF, PERSON, FeatureKind
from c360_ml.targets import CUT, LABELS_OF_CHURN, OFFER, TARGETS
from c360_ml.targets import PERSON as NAMED
from stacks.shared import features
from stacks.shared.marts import mart_types
from twin.settings import ROOT


def test_every_column_of_the_mart_but_the_labels_is_kept():
    kinds = features.feature_kinds(ROOT / "sql")
    columns = mart_types(features.MART, ROOT / "sql")
    assert set(features.LABELS) == LABELS_OF_CHURN
    assert set(kinds) == set(columns) - LABELS_OF_CHURN
    assert kinds["orders"] is FeatureKind.INTEGRAL
    assert kinds["spend"] is FeatureKind.FRACTIONAL
    assert kinds[PERSON] is kinds[KEPT_CUT] is FeatureKind.STRING


def test_names_are_those_of_the_scripts():
    assert (PERSON, KEPT_CUT) == (NAMED, CUT)
    assert {*MODEL_OF.values(), OFFER.name} == set(TARGETS)
