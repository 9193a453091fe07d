"""What vendors hold in tests, by the contracts' flows: a few records each, of which a flow must not take all."""

from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def contact(number: int, **changed: Any) -> dict[str, Any]:
    """Return a contact of Salesforce."""
    return {
        "Id": f"003xx0000000{number:03d}",
        "Customer_Number__c": f"C{number:06d}",
        "FirstName": "Ann",
        "LastName": f"Buyer{number}",
        "Email": f"buyer{number}@example.com",
        "Phone": None,
        "MailingStreet": "1 Main St",
        "MailingCity": "Springfield",
        "MailingStateCode": "IL",
        "MailingPostalCode": "62701",
        "HasOptedOutOfEmail": number == 1,
        "CreatedDate": _text(BEGAN),
        "SystemModstamp": _text(BEGAN + timedelta(minutes=number)),
        **changed,
    }


def case(number: int, **changed: Any) -> dict[str, Any]:
    """Return a case of Salesforce."""
    return {
        "Id": f"500xx0000000{number:03d}",
        "CaseNumber": f"{number:08d}",
        "Customer_Number__c": f"C{number:06d}",
        "SuppliedEmail": f"buyer{number}@example.com",
        "SuppliedPhone": None,
        "Type": "Delivery",
        "Origin": "Phone",
        "Subject": "4111111111111111 was charged twice",
        "Description": "Where is my parcel?",
        "CreatedDate": _text(BEGAN),
        "ClosedDate": _text(BEGAN + timedelta(hours=1)) if number == 2 else None,
        "Satisfaction__c": 4.0 if number == 2 else None,
        "SystemModstamp": _text(BEGAN + timedelta(minutes=number)),
        **changed,
    }


def partner(number: int, **changed: Any) -> dict[str, Any]:
    """Return a business partner of SAP; a time is a `datetime`."""
    return {
        "BusinessPartner": f"{number}",
        "BusinessPartnerCategory": "1",
        "YY1_CrmNumber_bus": f"C{number:06d}",
        "FirstName": "Bob",
        "LastName": f"Partner{number}",
        "YY1_Email_bus": f"partner{number}@example.com",
        "YY1_Phone_bus": "",
        "YY1_Street_bus": "2 Side St",
        "YY1_City_bus": "Springfield",
        "YY1_Region_bus": "IL",
        "YY1_PostalCode_bus": "62701",
        "CorrespondenceLanguage": "EN",
        "LastChangeDate": BEGAN,
        **changed,
    }


def sales_order(number: int, **changed: Any) -> dict[str, Any]:
    """Return a sales order of SAP."""
    return {
        "SalesOrder": f"{number}",
        "SalesOrderType": "OR",
        "SoldToParty": f"{number}",
        "YY1_CrmNumber_sdh": f"C{number:06d}",
        "YY1_Email_sdh": f"partner{number}@example.com",
        "OverallSDProcessStatus": "R" if number == 2 else "C",
        "TransactionCurrency": "USD",
        "TotalNetAmount": f"{number}0.50",
        "CreationDate": BEGAN,
        "LastChangeDateTime": BEGAN + timedelta(hours=1),
        **changed,
    }


def lead(number: int, **changed: Any) -> dict[str, Any]:
    """Return a lead of Marketo."""
    return {
        "id": number,
        "firstName": "Cleo",
        "lastName": f"Lead{number}",
        "email": f"lead{number}@example.com",
        "phone": None,
        "city": "Springfield",
        "unsubscribed": number == 1,
        "createdAt": "2026-03-01T10:00:00Z",
        "updatedAt": f"2026-03-01T10:{number:02d}:00Z",
        **changed,
    }


def activity(number: int, kind: int, **changed: Any) -> dict[str, Any]:
    """Return an activity of Marketo, of a type such as 1, 10 or 11."""
    return {
        "marketoGUID": f"{number}",
        "leadId": 1,
        "activityTypeId": kind,
        "activityDate": f"2026-03-02T10:{number:02d}:00Z",
        "primaryAttributeValueId": 77,
        "primaryAttributeValue": "https://example.com/spring" if kind == 1 else "Spring mail",
        **changed,
    }


def session(number: int, **changed: str) -> dict[str, str]:
    """Return a row of a report of Google Analytics 4."""
    return {
        "customEvent:session_key": f"s{number}",
        "customUser:client_id": f"visitor.{number}",
        "dateHourMinute": f"2026030110{number:02d}",
        "hostName": "shop.example.com",
        "landingPagePlusQueryString": "/spring?utm=1",
        "sessionSource": "google",
        "sessionMedium": "organic",
        "date": "20260301",
        "screenPageViews": f"{number}",
        **changed,
    }
