"""SES: the e-mail templates of a stack are put where the emulator's SES looks for them."""

from typing import Final

from twin.emulator.provider import Provider, ResourceType
from twin.emulator.stand_ins import Resource

PARTS: Final = ("SubjectPart", "TextPart", "HtmlPart")


class SesProvider(Provider):
    """SES."""

    types = (ResourceType(name="AWS::SES::Template"),)

    def deployed(self, resource: Resource) -> None:
        """Give the emulator the template."""
        from ministack.services import ses

        stated = resource.properties["Template"]
        name = stated["TemplateName"]
        ses._templates[name] = {"TemplateName": name, **{part: stated.get(part, "") for part in PARTS}}

    def removed(self, resource: Resource) -> None:
        """Take the template from the emulator."""
        from ministack.services import ses

        ses._templates.pop(resource.properties["Template"]["TemplateName"], None)


PROVIDER = SesProvider
