"""A generated secret has the characters that the template asks for."""

import json
import string

import pytest

from twin.patches.generated_secrets import secret_string


def test_punctuation_stays_out_when_it_is_excluded():
    made = "".join(
        secret_string({"GenerateSecretString": {"PasswordLength": 64, "ExcludePunctuation": True}}) for _ in range(50)
    )
    assert len(made) == 50 * 64
    assert set(made) <= set(string.ascii_letters + string.digits)


def test_a_stated_secret_stays_as_it_is():
    assert secret_string({"SecretString": "stated"}) == "stated"
    assert secret_string({}) == ""


def test_a_template_gets_the_password_under_its_key():
    asked = {
        "SecretStringTemplate": '{"user": "reader"}',
        "GenerateStringKey": "key",
        "PasswordLength": 20,
        "ExcludePunctuation": True,
    }
    document = json.loads(secret_string({"GenerateSecretString": asked}))
    assert document["user"] == "reader"
    assert len(document["key"]) == 20


def test_an_uncreatable_resource_is_an_error():
    with pytest.raises(ValueError, match="PasswordLength"):
        secret_string({"GenerateSecretString": {"PasswordLength": 0}})
