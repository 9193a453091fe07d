"""The system of customer service: it takes tasks over HTTP, each once, from whoever has its key."""

from typing import Any

from twin.vendors.server import Call, Document, Refused, VendorServer


class ServiceDesk(VendorServer):
    """A system.

    Args:
        key: with which tasks are opened.

    Attributes:
        key: the same.
        tasks: that were opened, in order.
    """

    def __init__(self, *, key: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.key = key
        self.tasks: list[Document] = []

    def answer(self, call: Call) -> Any:
        """Open a task, unless it is open already."""
        if call.headers.get("x-api-key") != self.key:
            raise Refused(403, {"error": "the key is wrong"})
        if self.must_wait():
            raise Refused(429, {"error": "busy"})
        if call.path != "/tasks" or "task_id" not in call.body:
            raise Refused(400, {"error": "a task has a task_id, and is opened under /tasks"})
        if all(task["task_id"] != call.body["task_id"] for task in self.tasks):
            self.tasks.append(call.body)
        return {"task_id": call.body["task_id"]}
