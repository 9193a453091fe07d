"""Meta Custom Audiences, by the Graph API.

Rules and where they stand (developers.facebook.com, Marketing API):

- `POST` adds and `DELETE` removes at `/{audience id}/users`; at most 10,000 rows a request; a request has a `session`
  with `session_id`, `batch_seq`, `last_batch_flag` and `estimated_num_total`, and a `payload` with `schema` and `data`
  (guide "Customer File Custom Audiences").
- A row has the keys in the order of the schema, and an empty text for a key that is not known (reference "Custom
  Audience Users").
- Addresses are hashed in small letters without spaces around them, numbers as digits with the country code and without
  leading zeros (guide, "Hashing and Normalization"). The lake has done it.
- The answer has `num_received`, `num_invalid_entries` and samples of these; it names not every one. So a batch with
  invalid ones is told again in halves, until each stands alone; rows that Meta has already are known by their hash.
- Error 190 is a token that is not good any more; 4, 17, 32, 613 and 80003 are limits of calls, 1 and 2 faults that pass
  (guides "Error Handling" and "Rate Limiting").
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lambdas.audience_members.members import Kind, Member
from lambdas.audience_members.platform import (
    CredentialsError,
    Document,
    Http,
    Operation,
    Outcome,
    PlatformBusyError,
    PlatformRefusedError,
    Session,
    Taken,
    read_credentials,
)

VERSION: Final = "v25.0"
SCHEMA: Final = ("EMAIL", "PHONE")
MOST: Final = 10_000
TOKEN: Final = "access_token"  # noqa: S105  # the name of a field of the secret
_METHODS: Final = {Operation.ADD: "POST", Operation.REMOVE: "DELETE"}
_WITHOUT_TOKEN: Final = frozenset({102, 190})
_PASSING: Final = frozenset({1, 2, 4, 17, 32, 613, 80003})


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaAudience:
    """An audience.

    Attributes:
        audience_id: its number.
        url: where the Graph API answers.
        secret: name of the secret.
        credentials: returns its present value, each time anew.
        http: sends requests.
        most: rows of a request.
    """

    audience_id: str
    url: str
    secret: str
    credentials: Callable[[], str]
    http: Http
    most: int = MOST

    def tell(self, operation: Operation, members: Sequence[Member], session: Session) -> Taken:
        """Add or remove a batch; raises as `Platform.tell` says."""
        answer = self._send(operation, members, session)
        invalid = int(answer.get("num_invalid_entries", 0))
        if invalid == 0 and int(answer.get("num_received", -1)) == len(members):
            return Taken(confirmed=tuple(members))
        if len(members) == 1:
            return Taken(refused={members[0]: "INVALID_ENTRY"})
        return self._halves(operation, members, session)

    def outcome(self, request: str) -> Outcome:
        """Meta answers at once, so that no request is ever open."""
        raise PlatformRefusedError(f"Meta has no request {request}; the table of members has one that is not Meta's")

    def _halves(self, operation: Operation, members: Sequence[Member], session: Session) -> Taken:
        middle = len(members) // 2
        parts = [
            self.tell(
                operation,
                half,
                replace(session, number=_another(session.number, side), batch=1, is_last=True, members=len(half)),
            )
            for side, half in enumerate((members[:middle], members[middle:]), start=1)
        ]
        return Taken(
            confirmed=[one for part in parts for one in part.confirmed],
            refused={one: why for part in parts for one, why in part.refused.items()},
        )

    def _send(self, operation: Operation, members: Sequence[Member], session: Session) -> Document:
        token = read_credentials(self.secret, self.credentials(), TOKEN)[TOKEN]
        body = {
            "session": {
                "session_id": session.number,
                "batch_seq": session.batch,
                "last_batch_flag": session.is_last,
                "estimated_num_total": session.members,
            },
            "payload": {"schema": list(SCHEMA), "data": [_row(member) for member in members]},
        }
        answer = self.http.send(
            _METHODS[operation],
            f"{self.url}/{VERSION}/{self.audience_id}/users",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            body=json.dumps(body).encode(),
        )
        if answer.is_good:
            return answer.body
        error: Any = answer.body.get("error") or {}
        code = int(error.get("code") or 0)
        if code in _WITHOUT_TOKEN:
            raise CredentialsError(
                f"Meta does not take the token of secret {self.secret} (code {code}); store a new one"
            )
        if answer.is_busy or code in _PASSING or error.get("is_transient"):
            raise PlatformBusyError(f"Meta asks to wait: status {answer.status}, code {code}")
        raise PlatformRefusedError(
            f"Meta refuses audience {self.audience_id}: status {answer.status}, code {code}, subcode "
            f"{error.get('error_subcode')}"
        )


def _row(member: Member) -> list[str]:
    return [member.sha256, ""] if member.kind is Kind.EMAIL else ["", member.sha256]


def _another(number: int, side: int) -> int:
    """Return the number of another session that follows from one, and is the same when the work is repeated."""
    return (number * 2 + side) % 2**63 or side
