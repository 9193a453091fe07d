"""Keeps the published versions of a recipe: publishes the working one, and forgets old ones."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_databrew import GlueDataBrewClient

# A version that a job still uses while its successor is being deployed, and one to look up what was before.
KEPT: Final = 2
AT_ONCE: Final = 50  # versions that DataBrew deletes in one request


class RecipeError(RuntimeError):
    """A recipe whose versions are not what they should be; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeVersions:
    """The published versions of recipes.

    Attributes:
        client: of DataBrew.
    """

    client: "GlueDataBrewClient"

    def publish(self, recipe: str, *, steps: str) -> str:
        """Publish the working version of a recipe, unless it is published, and return the number of the version.

        Args:
            recipe: its name.
            steps: a digest of its steps, which the description of the version keeps: CloudFormation asks again when it
                has heard no answer, and that must not make a second version.

        Raises:
            ClientError: there is no such recipe, or the function may not publish it.
            RecipeError: DataBrew does not list what it published.
        """
        if self._newest(recipe)[1] != steps:
            self.client.publish_recipe(Name=recipe, Description=steps)
        newest, described = self._newest(recipe)
        if described != steps:
            raise RecipeError(f"{recipe} was published, and the newest version that DataBrew lists is {newest or None}")
        old = [version for version, _ in self._versions(recipe)][:-KEPT]
        if old:
            # One that a job still uses stays, which the answer says; the next deployment asks again.
            self.client.batch_delete_recipe_version(Name=recipe, RecipeVersions=old[:AT_ONCE])
        return newest

    def remove(self, recipe: str) -> None:
        """Remove all published versions; a recipe that is gone has none.

        Raises:
            RecipeError: something still uses one of them.
        """
        while versions := [version for version, _ in self._versions(recipe)]:
            answer = self.client.batch_delete_recipe_version(Name=recipe, RecipeVersions=versions[:AT_ONCE])
            if errors := answer.get("Errors"):
                version, message = errors[0].get("RecipeVersion"), errors[0].get("ErrorMessage")
                raise RecipeError(f"{recipe}: version {version}: {message}")

    def _newest(self, recipe: str) -> tuple[str, str]:
        versions = self._versions(recipe)
        return versions[-1] if versions else ("", "")

    def _versions(self, recipe: str) -> list[tuple[str, str]]:
        """Return the published versions and their descriptions, the oldest first."""
        found: list[tuple[str, str]] = []
        for page in self.client.get_paginator("list_recipe_versions").paginate(Name=recipe):
            found += [(one["RecipeVersion"], one.get("Description", "")) for one in page["Recipes"]]
        return sorted(found, key=lambda one: [int(part) for part in one[0].split(".")])
