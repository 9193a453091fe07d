"""Types a section of a document into a terminal, line by line and in its order, with looks in between."""

from tests.walkthrough.plan import Section, blocks_of, is_elsewhere, lines, typed
from tests.walkthrough.terminal import Terminal


class LostError(AssertionError):
    """The section has no such line any more where the walk-through looks for it; the message names what it has."""


class Walk:
    """A section that is typed from its beginning to its end: no line can be left out."""

    def __init__(self, terminal: Terminal, section: Section) -> None:
        self._terminal = terminal
        self._left = [line for block in blocks_of(section) for line in lines(block) if not is_elsewhere(line)]

    def to(self, beginning: str) -> str:
        """Type the next lines up to the first one that begins so; return what that one said.

        Raises:
            LostError: there is none.
            LineFailedError: a line failed.
        """
        if not any(line.text.startswith(beginning) for line in self._left):
            raise LostError(f"nothing that is left begins with {beginning!r}: {[str(line) for line in self._left]}")
        while True:
            line = self._left.pop(0)
            said = self._terminal.type(typed(line), str(line))
            if line.text.startswith(beginning):
                return said

    def to_the_end(self) -> None:
        """Type what is left.

        Raises:
            LineFailedError: a line failed.
        """
        while self._left:
            self.to(self._left[0].text)
