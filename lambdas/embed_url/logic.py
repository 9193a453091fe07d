"""Addresses under which a page of an allowed site shows a dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from lambdas.shared.problem import ProblemDetails

NAMESPACE: Final = "default"
# What QuickSight says when somebody has to change something there. Anything else is a failure of ours.
_REFUSALS: Final = frozenset(
    {
        "AccessDeniedException",
        "QuickSightUserNotFoundException",
        "ResourceNotFoundException",
        "SessionLifetimeInMinutesInvalidException",
        "UnsupportedPricingPlanException",
        "UnsupportedUserEditionException",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Asks QuickSight for embed URLs.

    Attributes:
        quicksight: a client.
        dashboards: ARNs by name.
        domains: sites that may embed.
        user_arn: as whom dashboards are shown; None for nobody's.
    """

    quicksight: Any
    account: str
    dashboards: Mapping[str, str]
    domains: Sequence[str]
    user_arn: str | None
    minutes: int

    def url(self, name: str, domain: str | None) -> str:
        """Return an address that shows a dashboard once, in a page of the domain and nowhere else.

        Args:
            name: of the dashboard.
            domain: the site whose page will show it, with `https://`.

        Raises:
            ProblemDetails: there is no such dashboard, the site may not embed it, or QuickSight refuses.
        """
        arn = self.dashboards.get(name)
        if arn is None:
            raise _unknown_dashboard(self.dashboards)
        if domain not in self.domains:
            raise _unknown_domain()
        asked = {
            "AwsAccountId": self.account,
            "AllowedDomains": [domain],
            "ExperienceConfiguration": {"Dashboard": {"InitialDashboardId": arn.rpartition("/")[2]}},
            "SessionLifetimeInMinutes": self.minutes,
        }
        try:
            return self._asked(arn, asked)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _REFUSALS:
                raise
            raise _refused(code) from error

    def _asked(self, arn: str, asked: Mapping[str, Any]) -> str:
        if self.user_arn is None:
            answer = self.quicksight.generate_embed_url_for_anonymous_user(
                Namespace=NAMESPACE, AuthorizedResourceArns=[arn], **asked
            )
        else:
            answer = self.quicksight.generate_embed_url_for_registered_user(UserArn=self.user_arn, **asked)
        return str(answer["EmbedUrl"])


def page(name: str, url: str) -> tuple[str, Mapping[str, str]]:
    """Return a page that shows a dashboard and nothing else, and the headers that keep it to that.

    The site serves it under its own domain, which QuickSight holds against the domain of the address.
    """
    title = escape(f"Dashboard {name}")
    parts = urlsplit(url)
    body = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>html, body, iframe {{ width: 100%; height: 100%; margin: 0; border: 0; }}</style>\n</head>\n"
        f'<body>\n<iframe title="{title}" src="{escape(url)}"></iframe>\n</body>\n</html>\n'
    )
    policy = f"default-src 'none'; style-src 'unsafe-inline'; frame-src {parts.scheme}://{parts.netloc}"
    return body, {"Cache-Control": "no-store", "Content-Security-Policy": policy, "Referrer-Policy": "origin"}


def _unknown_dashboard(known: Mapping[str, str]) -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_DASHBOARD",
        field="dashboard",
        detail="There is no dashboard of this name to embed.",
        fix=f"Ask for one of {', '.join(sorted(known))}.",
    )


def _unknown_domain() -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.FORBIDDEN,
        code="DOMAIN_NOT_ALLOWED",
        field="domain",
        detail="This site may not embed dashboards.",
        fix="Send the site with https:// and no path; analytics.dashboards.embedding.domains lists those allowed.",
    )


def _refused(code: str) -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.BAD_GATEWAY,
        code="NOT_EMBEDDED",
        detail=f"QuickSight gave no address: {code}.",
        fix="docs/deploying.md says what each reason asks for; the function's log has it in full.",
    )
