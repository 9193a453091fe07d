"""Who acts on the twin, and with which credentials."""

from pathlib import Path

import boto3
import pytest

from twin.principals import Principal
from twin.settings import TwinSettings


@pytest.mark.parametrize("who", Principal)
def test_any_aws_client_finds_everybody_s_credentials_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: Principal
) -> None:
    settings = TwinSettings(home=tmp_path, port=1)
    settings.save()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(settings.credentials_file))

    found = boto3.Session(profile_name=who).get_credentials()

    assert found is not None
    mine = settings.credentials(who)
    assert (found.access_key, found.secret_key, found.token) == (mine.access_key, mine.secret_key, mine.token)
