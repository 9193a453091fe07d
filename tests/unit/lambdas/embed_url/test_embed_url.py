"""Embed URLs: for dashboards and sites that the settings name, and for nothing else."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.embed_url import handler
from lambdas.embed_url.logic import Embedding, page
from lambdas.embed_url.settings import Settings
from lambdas.shared.problem import ProblemDetails
from lambdas.shared.settings import ConfigurationError
from tests.fakes.wire import LambdaContext, http_event

SITE = "https://portal.example.com"
USER = "arn:aws:quicksight:us-east-1:123456789012:user/default/portal"
EXECUTIVE = "arn:aws:quicksight:us-east-1:123456789012:dashboard/c360-dev-executive"
URL = "https://us-east-1.quicksight.aws.amazon.com/embed/1?code=a&identityprovider=quicksight"


class QuickSight:
    """QuickSight's API, which keeps what it was asked."""

    def __init__(self, code: str = "") -> None:
        self.code, self.asked = code, list[tuple[str, dict[str, Any]]]()

    def _answer(self, kind: str, request: dict[str, Any]) -> dict[str, str]:
        self.asked.append((kind, request))
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GenerateEmbedUrl")
        return {"EmbedUrl": URL}

    def generate_embed_url_for_registered_user(self, **request: Any) -> dict[str, str]:
        return self._answer("registered", request)

    def generate_embed_url_for_anonymous_user(self, **request: Any) -> dict[str, str]:
        return self._answer("anonymous", request)


def embedding(quicksight: QuickSight, user: str | None = USER) -> Embedding:
    return Embedding(
        quicksight=quicksight,
        account="123456789012",
        dashboards={"executive": EXECUTIVE},
        domains=[SITE, "https://other.example.com"],
        user_arn=user,
        minutes=60,
    )


def test_a_registered_user_is_shown_one_dashboard_on_one_site() -> None:
    quicksight = QuickSight()
    assert embedding(quicksight).url("executive", SITE) == URL
    assert quicksight.asked == [
        (
            "registered",
            {
                "AwsAccountId": "123456789012",
                "UserArn": USER,
                "AllowedDomains": [SITE],
                "ExperienceConfiguration": {"Dashboard": {"InitialDashboardId": "c360-dev-executive"}},
                "SessionLifetimeInMinutes": 60,
            },
        )
    ]


def test_nobody_is_authorized_for_the_dashboard_alone() -> None:
    quicksight = QuickSight()
    embedding(quicksight, user=None).url("executive", SITE)
    [(kind, request)] = quicksight.asked
    assert kind == "anonymous"
    assert (request["Namespace"], request["AuthorizedResourceArns"]) == ("default", [EXECUTIVE])
    assert "UserArn" not in request


@pytest.mark.parametrize(
    ("name", "domain", "code"),
    [
        ("salaries", SITE, "UNKNOWN_DASHBOARD"),
        ("executive", None, "DOMAIN_NOT_ALLOWED"),
        ("executive", "https://evil.example.org", "DOMAIN_NOT_ALLOWED"),
        ("executive", f"{SITE}.evil.example.org", "DOMAIN_NOT_ALLOWED"),
        ("executive", f"{SITE}/path", "DOMAIN_NOT_ALLOWED"),
    ],
)
def test_what_is_not_named_is_refused_and_quicksight_not_asked(name: str, domain: str | None, code: str) -> None:
    quicksight = QuickSight()
    with pytest.raises(ProblemDetails) as caught:
        embedding(quicksight).url(name, domain)
    assert caught.value.code == code
    assert quicksight.asked == []


def test_a_refusal_of_quicksight_is_told_and_a_failure_is_one() -> None:
    with pytest.raises(ProblemDetails) as caught:
        embedding(QuickSight("UnsupportedPricingPlanException")).url("executive", SITE)
    assert caught.value.code == "NOT_EMBEDDED"
    assert "UnsupportedPricingPlanException" in caught.value.detail
    with pytest.raises(ClientError):
        embedding(QuickSight("InternalFailureException")).url("executive", SITE)


def test_the_page_frames_quicksight_and_nothing_else() -> None:
    body, headers = page("executive", URL)
    assert f'src="{URL.replace("&", "&amp;")}"' in body
    assert headers["Content-Security-Policy"].endswith("frame-src https://us-east-1.quicksight.aws.amazon.com")
    assert headers["Cache-Control"] == "no-store"
    evil, _ = page('x"><script>', 'https://a/"><script>alert(1)</script>')
    assert "<script>" not in evil


# ---- over HTTP


@pytest.fixture
def quicksight(monkeypatch: pytest.MonkeyPatch) -> QuickSight:
    fake = QuickSight()
    monkeypatch.setattr(handler, "_embedding", lambda: embedding(fake))
    return fake


def get(path: str, **query: str) -> dict[str, Any]:
    return handler.handle(http_event("GET", path, query=query), LambdaContext())  # type: ignore[arg-type]


def test_requests_are_answered(quicksight: QuickSight) -> None:
    told = get("/v1/dashboards/executive/embed-url", domain=SITE)
    assert (told["statusCode"], json.loads(told["body"])) == (200, {"dashboard": "executive", "url": URL})
    shown = get("/v1/dashboards/executive/page", domain=SITE)
    assert shown["statusCode"] == 200
    assert "<iframe" in shown["body"]
    assert len(quicksight.asked) == 2


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/dashboards/executive/embed-url", 403), ("/v1/dashboards/x/page", 404), ("/v1/dashboards", 404)],
)
def test_requests_are_refused_with_the_reason(quicksight: QuickSight, path: str, status: int) -> None:
    told = get(path)
    assert told["statusCode"] == status
    assert json.loads(told["body"])["fix"]
    assert quicksight.asked == []


def test_the_environment_is_read() -> None:
    variables = {
        "ENVIRONMENT": "dev",
        "ACCOUNT_ID": "123456789012",
        "DASHBOARDS": json.dumps({"executive": EXECUTIVE}),
        "DOMAINS": json.dumps([SITE]),
        "USER_ARN": "",
        "SESSION_MINUTES": "60",
    }
    assert Settings.from_environment(variables).dashboards == {"executive": EXECUTIVE}
    with pytest.raises(ConfigurationError, match="DOMAINS"):
        Settings.from_environment({**variables, "DOMAINS": "[]"})
