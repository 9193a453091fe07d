"""A published version of a recipe, which CloudFormation has no resource for: it makes the working version only."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_databrew as databrew
from constructs import Construct

from stacks.constructs.grants import allow
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.platform import Platform

_SECONDS: Final = 60
_ANSWER: Final = cdk.Duration.seconds(5 * _SECONDS)
_ACTIONS: Final = ("PublishRecipe", "ListRecipeVersions", "BatchDeleteRecipeVersion")


class Publication(Construct):
    """Publishes a recipe when its steps have changed; a job runs this version, whatever somebody is working on.

    The custom resource removes the published versions before the recipe goes: DataBrew deletes none that has any.
    """

    version: str
    resource: cdk.CustomResource

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        recipe: databrew.CfnRecipe,
        steps: Sequence[dict[str, Any]],
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        worker = PythonFunction(
            self,
            "Publisher",
            name="recipe_versions",
            platform=platform,
            variables={},
            caller=Caller.CLOUDFORMATION,
            timeout_seconds=_SECONDS,
        )
        stack = cdk.Stack.of(self)
        arn = f"arn:{stack.partition}:databrew:{stack.region}:{stack.account}:recipe/{recipe.name}"
        allow(worker.role, (f"databrew:{action}" for action in _ACTIONS), arn)
        self.resource = cdk.CustomResource(
            self,
            "Version",
            service_token=worker.function.function_arn,
            resource_type="Custom::RecipeVersion",
            service_timeout=_ANSWER,
            properties={"Recipe": recipe.name, "Steps": _digest(steps)},
        )
        self.resource.node.add_dependency(worker.role, recipe)
        self.version = self.resource.get_att_string("Version")


def _digest(steps: Sequence[dict[str, Any]]) -> str:
    return hashlib.sha256(json.dumps(steps, sort_keys=True).encode()).hexdigest()
