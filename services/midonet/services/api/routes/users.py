"""`/v1/login`, `/v1/logout`, `/v1/whoami` and `/v1/users`: sign in and out, users, passwords and tokens.

Users and their roles are changed by commands and are on the log; passwords and tokens are in the vault. No log line,
commit or response contains one, except the response that issues a new token.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

from msgspec import Meta, Struct

from midonet.events.commands.command import Command, DropUser
from midonet.events.errors import NotFound
from midonet.events.log.store import value_of
from midonet.events.system.user import User, check_user
from midonet.events.vault.credentials import Credentials, Issued, Token
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import WRITE, path
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.answers import NewToken, PasswordSet, Revoked, TokenInfo, Whoami
from midonet.services.api.routes.write import DONE, REFUSALS, run

_MAX_SECONDS = 365 * 86_400
_NAME = path("name", "Name of the user.")
_TOKEN = path("token", "Id of the token.")
_ERRORS = (400, 401, 403, 404, 422, 503)


class _Password(Struct, forbid_unknown_fields=True):
    password: str


class _NewToken(Struct, forbid_unknown_fields=True):
    seconds: Annotated[float, Meta(ge=1, le=_MAX_SECONDS)] = 86_400
    label: Annotated[str, Meta(max_length=255)] = ""


def operations() -> Iterator[Operation]:
    """Yield the operations."""
    help_ = "Sign in with `Authorization: Basic` and get a token."
    yield operation("login", "POST /v1/login", help_, _login, access="password", answer=NewToken)
    yield operation("logout", "POST /v1/logout", "Revoke the token of this request.", _logout, answer=Revoked)
    yield operation("whoami", "GET /v1/whoami", "Show the user of this request and its roles.", _whoami, answer=Whoami)
    yield from _on_users()


def _on_users() -> Iterator[Operation]:
    one = "/v1/users/{name}"
    named: dict[str, Any] = {"parameters": (_NAME,)}
    yield operation("list-users", "GET /v1/users", "List users.", _users, access="admin", answer=list[User])
    yield operation("get-user", f"GET {one}", "Get a user.", _user, **named, answer=User)
    yield Operation(
        id="delete-user",
        tag="users",
        method="DELETE",
        path=one,
        help="Delete a user with its password and tokens.",
        handler=_delete_user,
        parameters=(_NAME, *WRITE),
        replies={200: DONE},
        errors=REFUSALS,
        access="admin",
    )
    help_ = "Set a password: your own or, as an admin, any user's. Revokes the other tokens of the user."
    yield operation(
        "set-password", f"PUT {one}/password", help_, _password, **named, body=text_body("password"), answer=PasswordSet
    )
    yield operation(
        "list-tokens", f"GET {one}/tokens", "List the tokens of a user.", _tokens, **named, answer=list[TokenInfo]
    )
    yield operation(
        "create-token", f"POST {one}/tokens", "Issue a token.", _issue, **named, body=_NEW_TOKEN, answer=NewToken
    )
    place = f"DELETE {one}/tokens/{{token}}"
    yield operation("revoke-token", place, "Revoke a token.", _revoke, parameters=(_NAME, _TOKEN), answer=Revoked)


def text_body(name: str) -> dict[str, Any]:
    """Return the schema of a body with one text."""
    return {
        "type": "object",
        "properties": {name: {"type": "string"}},
        "required": [name],
        "additionalProperties": False,
    }


_NEW_TOKEN = {
    "type": "object",
    "properties": {
        "seconds": {"type": "number", "minimum": 1, "maximum": _MAX_SECONDS},
        "label": {"type": "string", "maxLength": 255},
    },
    "additionalProperties": False,
}


def operation(name: str, request: str, text: str, handler: Any, **more: Any) -> Operation:
    """Return an operation on users, tokens or secrets; `request` is its method and path."""
    method, _, place = request.partition(" ")
    return Operation(
        id=name,
        tag="users",
        method=method,
        path=place,
        help=text,
        handler=handler,
        parameters=more.get("parameters", ()),
        body=Body({JSON: more["body"]}) if "body" in more else None,
        replies={200: Reply("Done.", {JSON: more["answer"]})},
        errors=_ERRORS,
        access=more.get("access", "any"),
    )


def _credentials(node: Node) -> Credentials:
    if node.authentication.credentials is None:
        raise NotFound("this node has no vault; set `vault`")
    return node.authentication.credentials


# Signing in


def _login(node: Node, call: Call) -> Answer:
    return _token_answer(node.authentication.sign_in(call.request))


def _token_answer(issued: Issued) -> Answer:
    answer = NewToken(token=issued.text, **_shown(issued.token))
    return json_answer(answer, HTTPStatus.OK, Cache_Control="no-store")


def _shown(token: Token) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenInfo.__struct_fields__}


def _logout(node: Node, call: Call) -> Answer:
    if call.caller.token is not None:
        _credentials(node).revoke(call.caller.token)
    return json_answer(Revoked(call.caller.token))


def _whoami(_: Node, call: Call) -> Answer:
    principal = call.caller.principal
    roles = ["admin"] if principal is None else sorted(principal.roles)
    return json_answer(Whoami(call.caller.actor, roles, call.caller.token))


# Users


def _users(node: Node, _: Call) -> Answer:
    with node.feed.reading() as topology:
        found = [note for note in topology.system.values() if isinstance(note, User)]
    return json_answer(sorted(found, key=lambda user: user.name))


def _user_of(node: Node, call: Call) -> User:
    """Return the user that a request names; `Denied` for another user unless the caller is an admin."""
    name = check_user(call.path("name"))
    call.caller.require(lambda principal: principal.administers or principal.name == name, "admins")
    found = node.user(name)
    if found is None:
        raise NotFound(f"there is no user {name!r}", user=name)
    return found


def _user(node: Node, call: Call) -> Answer:
    return json_answer(_user_of(node, call))


async def _delete_user(node: Node, call: Call) -> Answer:
    name: str = check_user(call.path("name"))
    return json_answer(value_of(await run(node, call, Command("user.delete", [DropUser(name)]))))


def _password(node: Node, call: Call) -> Answer:
    user, credentials = _user_of(node, call), _credentials(node)
    credentials.set_password(user.name, call.json(_Password).password)
    for token in list(credentials.tokens(user.name)):
        if token.id != call.caller.token:
            credentials.revoke(token.id)
    return json_answer(PasswordSet(user.name))


def _tokens(node: Node, call: Call) -> Answer:
    user = _user_of(node, call)
    found = sorted(_credentials(node).tokens(user.name), key=lambda token: token.created)
    return json_answer([TokenInfo(**_shown(token)) for token in found])


def _issue(node: Node, call: Call) -> Answer:
    wanted, user = call.json(_NewToken), _user_of(node, call)
    return _token_answer(_credentials(node).issue(user.name, wanted.seconds, wanted.label))


def _revoke(node: Node, call: Call) -> Answer:
    user = _user_of(node, call)
    _credentials(node).revoke(call.path("token"), user.name)
    return json_answer(Revoked(call.path("token")))
