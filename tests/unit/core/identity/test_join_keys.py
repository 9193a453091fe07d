"""The keys by which bought data finds people are those of identity resolution."""

import pytest

from c360_core.identity.join_keys import join_key
from c360_core.names import JoinedBy


@pytest.mark.parametrize(
    ("by", "values", "key"),
    [
        (JoinedBy.PERSON, {"email": " Ann@Example.COM "}, "ann@example.com"),
        (JoinedBy.PERSON, {"email": "n/a"}, None),
        (JoinedBy.PERSON, {}, None),
        (JoinedBy.HOUSEHOLD, {"street": "1 Main Street", "postal_code": "60601-1234"}, "1 main st|60601"),
        (JoinedBy.HOUSEHOLD, {"street": "1, main st.", "postal_code": "60601"}, "1 main st|60601"),
        (JoinedBy.HOUSEHOLD, {"street": "1 Main Street", "postal_code": ""}, None),
        (JoinedBy.HOUSEHOLD, {"street": "", "postal_code": "60601"}, None),
        (JoinedBy.POSTAL_CODE, {"postal_code": "2134"}, "02134"),
        (JoinedBy.POSTAL_CODE, {"postal_code": "00000"}, None),
    ],
)
def test_a_key_is_the_match_form_or_nothing(by: JoinedBy, values: dict[str, str], key: str | None) -> None:
    assert join_key(by, values) == key


def test_a_postal_code_is_read_in_its_country() -> None:
    assert join_key(JoinedBy.POSTAL_CODE, {"postal_code": "SW1A 1AA"}, region="GB") == "SW1A1AA"
