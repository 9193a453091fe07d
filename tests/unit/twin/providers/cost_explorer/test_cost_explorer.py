"""Which tags count in costs."""

from twin.emulator.wire import Wire
from twin.providers.cost_explorer.service import CostExplorer


def test_a_tag_that_something_carries_is_activated_and_another_is_named() -> None:
    wire = Wire("ce", CostExplorer(tag_keys=lambda: ["environment", "team", "environment"]))
    wanted = [{"TagKey": key, "Status": "Active"} for key in ("environment", "moon")]

    [error] = wire.invoke("updateCostAllocationTagsStatus", {"CostAllocationTagsStatus": wanted})["Errors"]

    assert (error["TagKey"], error["Code"]) == ("moon", "TagKeysNotFoundException")
    listed = wire.invoke("listCostAllocationTags", {})["CostAllocationTags"]
    assert [(tag["TagKey"], tag["Status"]) for tag in listed] == [("environment", "Active"), ("team", "Inactive")]
    active = wire.invoke("listCostAllocationTags", {"Status": "Active"})["CostAllocationTags"]
    named = wire.invoke("listCostAllocationTags", {"TagKeys": ["team"]})["CostAllocationTags"]
    assert [tag["TagKey"] for tag in active] == ["environment"]
    assert [tag["TagKey"] for tag in named] == ["team"]


def test_a_tag_can_be_switched_off_again() -> None:
    explorer = CostExplorer(tag_keys=lambda: ["environment"])
    for status in ("Active", "Inactive"):
        entry = {"TagKey": "environment", "Status": status}
        assert explorer.update_cost_allocation_tags_status({"CostAllocationTagsStatus": [entry]}) == {"Errors": []}

    assert explorer.list_cost_allocation_tags({"Status": "Active"}) == {"CostAllocationTags": []}
