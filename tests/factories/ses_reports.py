"""SES's reports as EventBridge delivers them, in the form of the examples of its documentation."""

from typing import Any

ADDRESS = "ada.lovelace@mail.org"
DETAIL_TYPES = {
    "Delivery": "Email Delivered",
    "Open": "Email Opened",
    "Click": "Email Clicked",
    "Bounce": "Email Bounced",
    "Complaint": "Email Complaint Received",
    "Reject": "Email Rejected",
    "Rendering Failure": "Email Rendering Failed",
    "DeliveryDelay": "Email Delivery Delayed",
}
AT = "2026-03-02T17:00:05.123Z"
_FACTS: dict[str, tuple[str, dict[str, Any]]] = {
    "Delivery": (
        "delivery",
        {
            "timestamp": AT,
            "processingTimeMillis": 1025,
            "recipients": [ADDRESS],
            "smtpResponse": "250 2.6.0 Message received",
            "reportingMTA": "a8-21.smtp-out.amazonses.com",
        },
    ),
    "Open": ("open", {"timestamp": AT, "userAgent": "Mozilla/5.0", "ipAddress": "192.0.2.1"}),
    "Click": (
        "click",
        {
            "timestamp": AT,
            "ipAddress": "192.0.2.1",
            "userAgent": "Mozilla/5.0",
            "link": f"https://shop.example.com/offers?for={ADDRESS}#top",
            "linkTags": {"samplekey0": ["samplevalue0"]},
        },
    ),
    "Bounce": (
        "bounce",
        {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {
                    "emailAddress": ADDRESS,
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": f"smtp; 550 5.1.1 <{ADDRESS}> user unknown",
                }
            ],
            "timestamp": AT,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "reportingMTA": "dsn; mta.example.com",
        },
    ),
    "Complaint": (
        "complaint",
        {
            "complainedRecipients": [{"emailAddress": ADDRESS}],
            "timestamp": AT,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "userAgent": "Mozilla/5.0",
            "complaintFeedbackType": "abuse",
            "arrivalDate": AT,
        },
    ),
    "Reject": ("reject", {"reason": "Bad content"}),
    "Rendering Failure": (
        "failure",
        {
            "errorMessage": "Attribute 'attributeName' is not present in the rendering data.",
            "templateName": "MyTemplate",
        },
    ),
    "DeliveryDelay": (
        "deliveryDelay",
        {
            "timestamp": AT,
            "delayType": "TransientCommunicationFailure",
            "expirationTime": AT,
            "delayedRecipients": [{"emailAddress": ADDRESS, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1"}],
        },
    ),
}


def ses_report(kind: str = "Delivery", *, message_id: str = "m_1", **facts: Any) -> dict[str, Any]:
    """Return an event of SES; `facts` replace those of its kind."""
    name, usual = _FACTS[kind]
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": DETAIL_TYPES[kind],
        "source": "aws.ses",
        "account": "123456789012",
        "time": "2026-03-02T17:00:06Z",
        "region": "us-east-1",
        "resources": ["arn:aws:ses:us-east-1:123456789012:configuration-set/set"],
        "detail": {
            "eventType": kind,
            "mail": {
                "timestamp": "2026-03-02T17:00:00.000Z",
                "source": "hello@shop.example.com",
                "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/shop.example.com",
                "sendingAccountId": "123456789012",
                "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
                "destination": [ADDRESS],
                "headersTruncated": False,
                "headers": [{"name": "To", "value": ADDRESS}],
                "commonHeaders": {"to": [ADDRESS], "subject": "Thank you"},
                "tags": {
                    "ses:operation": ["SendEmail"],
                    "ses:configuration-set": ["set"],
                    "message_id": [message_id],
                    "decision_id": ["d_1"],
                    "template": ["welcome"],
                },
            },
            name: {**usual, **facts},
        },
    }
