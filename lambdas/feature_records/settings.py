"""Environment of the function that keeps features."""

from pydantic import Json

from c360_core.features import FeatureKind
from lambdas.shared.settings import EnvironmentSettings, Name


class Settings(EnvironmentSettings):
    """Where profiles are stored, which group of features is filled, and which features it has."""

    single_view_table: Name
    feature_group_name: Name
    feature_kinds: Json[dict[str, FeatureKind]]
