"""What a function logs and traces."""

import io
import json
import logging

import pytest

from c360_aws.observability import RedactingFormatter, trace_id


def test_personal_data_and_secrets_do_not_get_into_a_line_of_the_log() -> None:
    written = io.StringIO()
    stream = logging.StreamHandler(written)
    stream.setFormatter(RedactingFormatter())
    logger = logging.Logger("redacted")
    logger.addHandler(stream)

    try:
        int("no such mailbox: ada.lovelace@mail.org")
    except ValueError:
        logger.exception(
            "wrote to %s and called %s",
            "ada@mail.org",
            "+1 (415) 555-0132",
            extra={
                "event": {"payload": {"first_name": "Ada"}, "identifiers": {"email": ["x"]}},
                "Authorization": "Basic c2VjcmV0",
                "people": ["bob@mail.org"],
                "order_id": "o-17",
            },
        )

    line = json.loads(written.getvalue())
    assert not [leak for leak in ("mail.org", "415", "Ada", "c2VjcmV0") if leak in written.getvalue()]
    assert line["message"] == "wrote to *** and called ***"
    assert line["order_id"] == "o-17"


def test_the_trace_is_the_root_of_the_runtimes_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")

    assert trace_id() == "1-5759e988-bd862e3fe1be46a994272793"
