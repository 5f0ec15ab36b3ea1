"""An operation of the API: parameters, body, answers and handler.

Routes and the OpenAPI document come from the same list of operations.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from msgspec import Struct

from midonet.services.api.framework.parameters import DRY_RUN, Parameter

JSON = "application/json"
Schema = Mapping[str, Any]


class Answer(Struct, frozen=True):
    """An answer to a request."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON
    headers: Mapping[str, str] = {}


Handler = "Callable[[Node, Call], Answer] | Callable[[Node, Call], Awaitable[Answer | Response]]"


class Body(Struct, frozen=True):
    """Body of a request: content type → schema."""

    content: Mapping[str, Schema]
    help: str = ""
    required: bool = True


class Reply(Struct, frozen=True):
    """Description of the answers of one status."""

    help: str
    content: Mapping[str, Any] = {}
    """Content type → schema, or a type that msgspec describes."""
    headers: Sequence[str] = ()


class Operation(Struct, frozen=True, kw_only=True):
    """One operation: a method on a path."""

    id: str
    tag: str
    method: str
    path: str
    help: str
    handler: Any
    """A function that runs in a thread, or a coroutine function that never blocks; called with node and call."""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    replies: Mapping[int, Reply]
    errors: tuple[int, ...] = ()
    access: Literal["open", "password", "any", "all", "admin"] = "any"
    """Who may call it: everyone; who has a password; authenticated users, restricted to tenants; users who read
    everything; admins."""
    linearizable: bool = False
    """Whether it reads the present topology, and so needs a linearizable read."""
    slow: bool = False
    """Whether it may take long and runs in the pool for long work."""

    @property
    def writes(self) -> bool:
        """Whether it runs a command; a dry run counts."""
        return DRY_RUN in self.parameters


def json_answer(value: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Answer:
    """Return a value as a JSON answer; header names are given with underscores."""
    return Answer(
        msgspec.json.encode(value), status, JSON, {name.replace("_", "-"): text for name, text in headers.items()}
    )
