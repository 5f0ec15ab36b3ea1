"""What the API can do: each operation with its parameters, its body, its answers and the function that does it.

Routes and the OpenAPI document come from the same list, so neither can say what the other does not.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from msgspec import Struct

from midonet.services.api.framework.parameters import Parameter

JSON = "application/json"
Schema = Mapping[str, Any]


class Answer(Struct, frozen=True):
    """What is sent back."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON
    headers: Mapping[str, str] = {}


Handler = "Callable[[Node, Call], Answer] | Callable[[Node, Call], Awaitable[Answer | Response]]"


class Body(Struct, frozen=True):
    """What a request may carry: content type → schema."""

    content: Mapping[str, Schema]
    help: str = ""
    required: bool = True


class Reply(Struct, frozen=True):
    """What an answer of one status looks like."""

    help: str
    content: Mapping[str, Schema] = {}
    headers: Sequence[str] = ()


class Operation(Struct, frozen=True, kw_only=True):
    """One thing that the API does."""

    id: str
    tag: str
    method: str
    path: str
    help: str
    handler: Any
    """A function for a thread, or a coroutine function that never blocks; it takes the node and the call."""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    replies: Mapping[int, Reply]
    errors: tuple[int, ...] = ()
    access: Literal["open", "any", "all", "admin"] = "any"
    """For everybody, whoever is recognised (who sees only what is theirs), who may read everything, or admins."""
    linearizable: bool = False
    """Whether it answers from the topology of now: then the log is asked first how far that is."""
    slow: bool = False
    """Whether it may take long: then it takes no thread from those that are quick."""


def json_answer(value: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Answer:
    """Return a value as an answer; headers are named in the manner of Python."""
    return Answer(
        msgspec.json.encode(value), status, JSON, {name.replace("_", "-"): text for name, text in headers.items()}
    )
