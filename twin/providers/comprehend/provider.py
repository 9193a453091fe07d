"""Comprehend: its own models, which no template deploys."""

from collections.abc import Mapping

from twin.emulator.provider import Provider
from twin.providers.comprehend.service import Comprehend


class ComprehendProvider(Provider):
    """Comprehend."""

    def api(self) -> Mapping[str, object]:
        """Serve the analysis of texts that a request brings."""
        return {"comprehend": Comprehend()}


PROVIDER = ComprehendProvider
