"""Cost Explorer, as far as the documents ask for it: which tags count in costs.

A tag can be activated when a resource carries it. Here the deployed stacks carry the tags, and pass them on to their
resources. AWS lists a tag hours after its first use; here it is listed at once.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

Document = dict[str, Any]
INACTIVE: Final = "Inactive"
UNKNOWN_TAG: Final = "TagKeysNotFoundException"


class CostExplorer:
    """The operations on cost allocation tags.

    Args:
        tag_keys: gives the keys of the tags that something deployed carries.
    """

    def __init__(self, *, tag_keys: Callable[[], Iterable[str]]) -> None:
        self._tag_keys = tag_keys
        self._status: dict[str, str] = {}

    def update_cost_allocation_tags_status(self, request: Document) -> Document:
        """Set tags active or inactive; a tag that nothing carries is named as an error, and the others are set."""
        known, errors = set(self._tag_keys()), []
        for entry in request["CostAllocationTagsStatus"]:
            if entry["TagKey"] in known:
                self._status[entry["TagKey"]] = entry["Status"]
            else:
                message = f"no resource of this account has the tag {entry['TagKey']}"
                errors.append({"TagKey": entry["TagKey"], "Code": UNKNOWN_TAG, "Message": message})
        return {"Errors": errors}

    def list_cost_allocation_tags(self, request: Document) -> Document:
        """Return the tags that something carries with their status: all, or those that the request asks for."""
        wanted, status = request.get("TagKeys"), request.get("Status")
        tags = [
            {"TagKey": key, "Type": "UserDefined", "Status": self._status.get(key, INACTIVE)}
            for key in sorted(set(self._tag_keys()))
            if wanted is None or key in wanted
        ]
        return {"CostAllocationTags": [tag for tag in tags if status in {None, tag["Status"]}]}
