"""The columns of what Personalize is given: its schemas and the files of the export say the same."""

import json
from enum import StrEnum
from typing import Final


class DataSet(StrEnum):
    """The data sets, as Personalize calls their types."""

    INTERACTIONS = "Interactions"
    USERS = "Users"
    ITEMS = "Items"

    @property
    def folder(self) -> str:
        """Where its file lies, below the prefix of the export."""
        return f"{self.value.lower()}/"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its file, in their order."""
        return _COLUMNS[self]

    def schema(self) -> str:
        """Return its schema, in the Avro form that Personalize takes."""
        fields = [_field(name) for name in self.columns]
        document = {
            "type": "record",
            "name": self.value,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": fields,
            "version": "1.0",
        }
        return json.dumps(document, separators=(",", ":"))


# The circumstances of an interaction; a request may state them.
CONTEXT: Final = ("DEVICE", "PLACE", "PART_OF_DAY", "WEEKDAY")
ACTIVE: Final = "active"
LAPSED: Final = "lapsed"

_COLUMNS: Final = {
    DataSet.INTERACTIONS: ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", *CONTEXT),
    DataSet.USERS: ("USER_ID", "ACTIVITY"),
    DataSet.ITEMS: ("ITEM_ID", "CATEGORY", "OFFERED", "AGE_RESTRICTED"),
}
# Fields that are known by their names; every other text is a category.
_KEYS: Final = {"USER_ID", "ITEM_ID", "EVENT_TYPE"}


def _field(name: str) -> dict[str, object]:
    if name == "TIMESTAMP":
        return {"name": name, "type": "long"}
    if name in _KEYS:
        return {"name": name, "type": "string"}
    return {"name": name, "type": ["null", "string"], "categorical": True}
