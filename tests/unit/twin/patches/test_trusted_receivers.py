"""Functions trust servers of this machine beside those of the world, and no others."""

import ssl
from pathlib import Path

import pytest

from twin.patches.trusted_receivers import VARIABLE, certificate_of, install
from twin.settings import TwinSettings


def test_functions_trust_the_machine_and_whom_it_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = tmp_path / "world.pem"
    world.write_text("the authorities of the world\n", encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(world))
    settings = TwinSettings(home=tmp_path, environment="dev", port=1)

    install(settings)

    trusted = Path(ssl.get_default_verify_paths().cafile or "")
    shown = certificate_of(settings)
    text = trusted.read_text(encoding="utf-8")
    assert trusted.parent == tmp_path / "receivers"
    assert shown.authority in text
    assert "the authorities of the world" in text
    assert shown.chain.exists()
    assert shown.key.exists()
