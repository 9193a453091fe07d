"""A web ACL refuses an address while it sends too much, as its rule says, and what nobody keeps is refused by name."""

import json
from typing import Any

import pytest

from twin.providers.cloudfront.web_acl import Firewall, UnknownRuleError, check

ARN = "arn:aws:wafv2:us-east-1:000000000000:global/webacl/collector/1"


def rate(limit: int = 2, **changed: Any) -> dict[str, Any]:
    statement = {"AggregateKeyType": "IP", "Limit": limit, "EvaluationWindowSec": 60}
    return {"Name": "TooMany", "Priority": 1, "Statement": {"RateBasedStatement": statement}, "Action": {"Block": {}},
            **changed}  # fmt: skip


def acl(*rules: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"Name": "collector", "DefaultAction": {"Allow": {}}, "Rules": list(rules), **changed}


MANAGED = {
    "Name": "Core",
    "Priority": 0,
    "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}},
    "OverrideAction": {"None": {}},
}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def statuses(firewall: Firewall, address: str, times: int) -> list[int | None]:
    answers = [firewall.refusal(ARN, address) for _ in range(times)]
    return [None if answer is None else answer[0] for answer in answers]


def test_an_address_may_send_up_to_the_limit_and_another_one_too(clock: Clock) -> None:
    firewall = Firewall(lambda: {ARN: acl(MANAGED, rate(2))}, clock)

    assert statuses(firewall, "192.0.2.1", 4) == [None, None, 403, 403]
    assert statuses(firewall, "192.0.2.2", 2) == [None, None]


def test_it_may_again_when_it_sends_fewer(clock: Clock) -> None:
    firewall = Firewall(lambda: {ARN: acl(rate(2))}, clock)
    assert statuses(firewall, "192.0.2.1", 3) == [None, None, 403]

    clock.now += 59
    assert statuses(firewall, "192.0.2.1", 1) == [403]  # which counts, too
    clock.now += 2
    assert statuses(firewall, "192.0.2.1", 2) == [None, 403]


def test_what_a_template_changes_holds_from_then_on(clock: Clock) -> None:
    deployed = {ARN: acl(rate(1))}
    firewall = Firewall(lambda: deployed, clock)
    assert statuses(firewall, "192.0.2.1", 2) == [None, 403]

    deployed[ARN] = acl(rate(100))
    assert statuses(firewall, "192.0.2.1", 1) == [None]


def test_the_answer_is_the_one_of_the_rule(clock: Clock) -> None:
    custom = {
        "ResponseCode": 429,
        "CustomResponseBodyKey": "slow",
        "ResponseHeaders": [{"Name": "retry-after", "Value": "300"}],
    }
    stated = acl(
        rate(1, Action={"Block": {"CustomResponse": custom}}),
        CustomResponseBodies={"slow": {"ContentType": "APPLICATION_JSON", "Content": '{"code": "SLOW"}'}},
    )
    firewall = Firewall(lambda: {ARN: stated}, clock)
    firewall.refusal(ARN, "192.0.2.1")

    refused = firewall.refusal(ARN, "192.0.2.1")

    assert refused is not None
    status, headers, body = refused
    assert (status, headers) == (429, {"retry-after": "300", "Content-Type": "application/json"})
    assert json.loads(body) == {"code": "SLOW"}


def test_a_web_acl_that_is_not_deployed_lets_nothing_through() -> None:
    with pytest.raises(LookupError, match="no web ACL"):
        Firewall(dict).refusal(ARN, "192.0.2.1")


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (acl(DefaultAction={"Block": {}}), "no default action but Allow"),
        (acl({**MANAGED, "Statement": {"GeoMatchStatement": {}}}), "rule Core: the twin knows no GeoMatchStatement"),
        (acl(rate(Action={"Captcha": {}})), "rule TooMany: the twin knows no action of a rate but Block"),
        (
            acl(rate(Statement={"RateBasedStatement": {"AggregateKeyType": "FORWARDED_IP", "Limit": 10}})),
            "the requests of an address",
        ),
        (
            acl(
                rate(Statement={"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": 10, "ScopeDownStatement": 1}})
            ),
            "all of them",
        ),
    ],
)
def test_a_rule_that_nobody_keeps_is_refused_by_name(stated: dict[str, Any], says: str) -> None:
    with pytest.raises(UnknownRuleError, match=says):
        check(stated)


def test_what_the_templates_have_is_kept() -> None:
    check(acl(MANAGED, rate()))
