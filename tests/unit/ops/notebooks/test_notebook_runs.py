"""A notebook on Spark: each request is signed, cells run in order, and the first that fails ends it."""

import io
import json
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.credentials import Credentials

from ops.notebooks import livy
from ops.notebooks.livy import LivySession, SessionFailedError, endpoint_of

ROLE = "arn:aws:iam::123456789012:role/Sessions"


class Endpoint:
    """A Livy endpoint that is asked by `urlopen`."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.states = ["starting", "idle"]
        self.outputs: list[dict[str, Any]] = []
        self.refused = 0

    def open(self, request: Any, timeout: float) -> io.BytesIO:
        self.requests.append(request)
        if self.refused:
            said = io.BytesIO(b'{"msg": "AccessDenied"}')
            raise HTTPError(request.full_url, self.refused, "no", Message(), said)
        return io.BytesIO(json.dumps(self.answer(request)).encode())

    def answer(self, request: Any) -> dict[str, Any]:
        path = request.full_url.partition("amazonaws.com")[2]
        match request.get_method(), path.strip("/").split("/"):
            case "POST", ["sessions"]:
                return {"id": 7, "state": "starting"}
            case "GET", ["sessions", "7"]:
                return {"id": 7, "state": self.states.pop(0) if len(self.states) > 1 else self.states[0]}
            case "POST", ["sessions", "7", "statements"]:
                return {"id": 0, "state": "waiting"}
            case "GET", ["sessions", "7", "statements", "0"]:
                return {"id": 0, "state": "available", "output": self.outputs.pop(0)}
        return {}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    made = Endpoint()
    monkeypatch.setattr(livy, "urlopen", made.open)
    return made


def session() -> LivySession:
    clock = iter(range(100_000))
    return LivySession(
        endpoint=endpoint_of("00f1", "eu-west-1"),
        region="eu-west-1",
        role=ROLE,
        credentials=Credentials("AKIA1", "secret", "token"),
        sleep=lambda _seconds: None,
        now=lambda: float(next(clock)),
    )


def test_the_endpoint_is_that_of_the_application_or_a_path_of_the_emulator() -> None:
    assert endpoint_of("00f1", "eu-west-1") == "https://00f1.livy.emr-serverless-services.eu-west-1.amazonaws.com"
    assert endpoint_of("00f1", "eu-west-1", "http://localhost:1/") == "http://localhost:1/_aws/livy/00f1"


def test_every_request_is_signed_for_the_service_and_names_the_role(endpoint: Endpoint) -> None:
    endpoint.outputs = [{"status": "ok", "data": {"text/plain": "3"}}]
    opened = session()
    opened.open()
    assert opened.run("1 + 2").text == "3"
    opened.close()
    for request in endpoint.requests:
        assert "/eu-west-1/emr-serverless/aws4_request" in request.headers["Authorization"]
        assert request.headers["X-amz-security-token"] == "token"
    begun = json.loads(endpoint.requests[0].data)
    assert begun == {"kind": "pyspark", "conf": {"emr-serverless.session.executionRoleArn": ROLE}}
    assert endpoint.requests[-1].get_method() == "DELETE"


def test_an_error_of_a_statement_is_said_as_spark_says_it(endpoint: Endpoint) -> None:
    endpoint.outputs = [{"status": "error", "ename": "AnalysisException", "evalue": "no column email"}]
    opened = session()
    opened.open()
    assert opened.run("x").error == "AnalysisException: no column email"


def test_what_is_refused_or_dies_is_said(endpoint: Endpoint) -> None:
    endpoint.states = ["dead"]
    with pytest.raises(SessionFailedError, match="is dead"):
        session().open()
    endpoint.states = ["starting"]
    with pytest.raises(SessionFailedError, match="takes too long"):
        session().open()
    endpoint.refused = 403
    with pytest.raises(SessionFailedError, match=r"403.*AccessDenied"):
        session().open()


def test_the_notebooks_on_spark_use_nothing_that_a_session_under_lake_formation_lacks() -> None:
    """No RDD, no data source of one's own, no Java class: EMR refuses them there, and the laptop would not."""
    folder = Path(__file__).resolve().parents[4] / "notebooks"
    on_spark = []
    for path in folder.glob("*.ipynb"):
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["metadata"]["kernelspec"]["name"] == "pysparkkernel":
            on_spark.append("".join("".join(cell["source"]) for cell in document["cells"]))
    assert on_spark
    for word in (".rdd", "sc.", "_jvm", "registerJavaFunction", ".write", "s3://", "%%", "glue_catalog"):
        assert not [text for text in on_spark if word in text], word
