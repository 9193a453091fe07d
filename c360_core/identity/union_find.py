"""Disjoint sets (union-find): which items are connected."""

from collections import defaultdict
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class UnionFind(Generic[Item]):
    """Disjoint sets of items; an item that was never added is a set of its own."""

    __slots__ = ("_parent", "_size")

    def __init__(self) -> None:
        self._parent: dict[Item, Item] = {}
        self._size: dict[Item, int] = {}

    def find(self, item: Item) -> Item:
        """Return the representative of the item's set."""
        parent = self._parent
        if item not in parent:
            parent[item] = item
            self._size[item] = 1
            return item
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def union(self, one: Item, other: Item) -> Item:
        """Join two sets and return the representative of the result."""
        first, second = self.find(one), self.find(other)
        if first == second:
            return first
        if self._size[first] < self._size[second]:
            first, second = second, first
        self._parent[second] = first
        self._size[first] += self._size[second]
        return first

    def groups(self) -> list[list[Item]]:
        """Return the sets, with items in the order in which they were first added."""
        found: defaultdict[Item, list[Item]] = defaultdict(list)
        for item in self._parent:
            found[self.find(item)].append(item)
        return list(found.values())
