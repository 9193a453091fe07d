"""Lambda: MiniStack unpacks a function's code again for every worker that it starts.

The workers of a function share its archive of several hundred files, which is unpacked once here. As on AWS, a function
does not write beside its own code; the next worker finds what Python has compiled of it.
"""

import hashlib
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from twin.settings import TwinSettings

_UNPACKING: Final = threading.Lock()


def install(settings: TwinSettings) -> None:
    """Let workers share what is unpacked, in one folder for each archive."""
    from ministack.core import lambda_runtime

    folder = settings.home / "code"

    def opened(path: str) -> "SharedArchive":
        return SharedArchive(path, folder)

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=opened,
        BadZipFile=zipfile.BadZipFile,
        LargeFileError=zipfile.LargeZipFile,  # asked for by a name that Python's own module does not have
    )


class SharedArchive(zipfile.ZipFile):
    """An archive that is unpacked once, however often it is asked for.

    Args:
        path: of the archive.
        folder: where what was unpacked is kept.
    """

    def __init__(self, path: str, folder: Path) -> None:
        super().__init__(path)
        self._kept = folder / hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        """Put a link to the unpacked archive in the place of the empty folder that is to receive it."""
        with _UNPACKING:
            if not self._kept.exists():
                part = self._kept.with_suffix(".part")
                super().extractall(part, members, pwd)
                part.rename(self._kept)
        target = Path(path)
        target.rmdir()
        target.symlink_to(self._kept.resolve(), target_is_directory=True)
