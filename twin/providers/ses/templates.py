"""E-mail templates that a stack makes: kept like any stand-in, and put where the emulator's SES looks for them."""

from typing import Any, Final

TEMPLATE_TYPE: Final = "AWS::SES::Template"
PARTS: Final = ("SubjectPart", "TextPart", "HtmlPart")

Properties = dict[str, Any]


def template_handlers(kept: Properties, templates: Any) -> Properties:
    """Return CloudFormation handlers that also store the template.

    Args:
        kept: handlers that check and keep the properties.
        templates: the emulator's templates by name.
    """

    def store(made: tuple[str, Properties], properties: Properties) -> tuple[str, Properties]:
        stated = properties["Template"]
        name = stated["TemplateName"]
        templates[name] = {"TemplateName": name, **{part: stated.get(part, "") for part in PARTS}}
        return made

    def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        made: tuple[str, Properties] = kept["create"](logical_id, properties, stack)
        return store(made, properties)

    def update(
        physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str | None = None
    ) -> tuple[str, Properties]:
        return store(kept["update"](physical_id, old, new, stack, logical_id), new)

    def delete(physical_id: str, properties: Properties) -> None:
        templates.pop(properties["Template"]["TemplateName"], None)
        kept["delete"](physical_id, properties)

    return {**kept, "create": create, "update": update, "delete": delete}
