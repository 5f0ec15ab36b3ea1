"""Signing in and out, users with their passwords and tokens, secrets by name, and who was refused what.

Users and their roles are changed by commands, as notes on the log; passwords, tokens and secrets go to the vault. No
answer, log or commit ever holds one, but for a new token in the only answer that tells it.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from midonet.events.commands.command import Command, DropUser
from midonet.events.errors import NotFound, UsageError
from midonet.events.log.store import value_of
from midonet.events.system.user import User, check_user
from midonet.events.vault.base import MAX_VALUE, Vault
from midonet.events.vault.credentials import HIDDEN, Credentials, Issued, Token, own_name
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import LIMIT, WRITE, path
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import array
from midonet.services.api.node import Node
from midonet.services.api.routes.write import DONE, REFUSALS, run

_MAX_SECONDS = 365 * 86_400
_NAME = path("name", "Name of the user.")
_SECRET = path("name", "Name of the secret.")
_TOKEN = path("token", "Id of the token.")
_ERRORS = (400, 401, 403, 404, 422, 503)


class _Password(Struct, forbid_unknown_fields=True):
    password: str


class _Value(Struct, forbid_unknown_fields=True):
    value: str


class _NewToken(Struct, forbid_unknown_fields=True):
    seconds: Annotated[float, Meta(ge=1, le=_MAX_SECONDS)] = 86_400
    label: Annotated[str, Meta(max_length=255)] = ""


def operations() -> Iterator[Operation]:
    """Yield the operations."""
    help_ = "Sign in with `Authorization: Basic`; get a token."
    yield _operation("login", "POST /v1/login", help_, _login, access="open")
    yield _operation("logout", "POST /v1/logout", "Take back the token that this request came with.", _logout)
    yield _operation("whoami", "GET /v1/whoami", "Who this request is from, and with which roles.", _whoami)
    yield from _on_users()
    yield from _on_secrets()


def _on_users() -> Iterator[Operation]:
    one = "/v1/users/{name}"
    named: dict[str, Any] = {"parameters": (_NAME,)}
    yield _operation("list-users", "GET /v1/users", "All users.", _users, access="admin", many=True)
    yield _operation("get-user", f"GET {one}", "One user.", _user, **named)
    yield Operation(
        id="delete-user",
        tag="users",
        method="DELETE",
        path=one,
        help="Delete a user, with password and tokens.",
        handler=_delete_user,
        parameters=(_NAME, *WRITE),
        replies={200: DONE},
        errors=REFUSALS,
        access="admin",
    )
    help_ = "Set a password: one's own, or as an admin anybody's. The user's other tokens end."
    yield _operation("set-password", f"PUT {one}/password", help_, _password, **named, body=_fields("password"))
    yield _operation("list-tokens", f"GET {one}/tokens", "A user's tokens.", _tokens, **named, many=True)
    yield _operation("create-token", f"POST {one}/tokens", "Make a token.", _issue, **named, body=_NEW_TOKEN)
    place = f"DELETE {one}/tokens/{{token}}"
    yield _operation("revoke-token", place, "Take a token back.", _revoke, parameters=(_NAME, _TOKEN))


def _on_secrets() -> Iterator[Operation]:
    one, admin = "/v1/secrets/{name}", "admin"
    named: dict[str, Any] = {"parameters": (_SECRET,), "access": admin}
    yield _operation("list-secrets", "GET /v1/secrets", "Names of secrets.", _secrets, access=admin, many=True)
    help_ = "Keep a secret, in the place of the one before."
    yield _operation("set-secret", f"PUT {one}", help_, _set_secret, **named, body=_fields("value"))
    yield _operation("delete-secret", f"DELETE {one}", "Forget a secret.", _delete_secret, **named)
    help_ = "Who wanted what of this node and was refused, the last one first."
    yield _operation("list-denials", "GET /v1/denials", help_, _denials, access=admin, parameters=(LIMIT,), many=True)


def _fields(name: str) -> dict[str, Any]:
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


def _operation(name: str, request: str, text: str, handler: Any, **more: Any) -> Operation:
    method, _, place = request.partition(" ")
    schema: Any = {"type": "object"}
    return Operation(
        id=name,
        tag="users",
        method=method,
        path=place,
        help=text,
        handler=handler,
        parameters=more.get("parameters", ()),
        body=Body({JSON: more["body"]}) if "body" in more else None,
        replies={200: Reply("Done.", {JSON: array(schema) if more.get("many") else schema})},
        errors=_ERRORS,
        access=more.get("access", "any"),
    )


def _credentials(node: Node) -> Credentials:
    if node.authentication.credentials is None:
        raise NotFound("this node has no vault: its setting `vault` says where secrets are kept")
    return node.authentication.credentials


def _vault(node: Node) -> Vault:
    if node.vault is None:
        raise NotFound("this node has no vault: its setting `vault` says where secrets are kept")
    return node.vault


# Signing in


def _login(node: Node, call: Call) -> Answer:
    return _told(node.authentication.sign_in(call.request))


def _told(issued: Issued) -> Answer:
    return json_answer({"token": issued.text, **_shown(issued.token)}, HTTPStatus.OK, Cache_Control="no-store")


def _shown(token: Token) -> dict[str, Any]:
    found = msgspec.to_builtins(token)
    del found["digest"]
    return dict(found)


def _logout(node: Node, call: Call) -> Answer:
    if call.caller.token is not None:
        _credentials(node).revoke(call.caller.token)
    return json_answer({"revoked": call.caller.token})


def _whoami(_: Node, call: Call) -> Answer:
    principal = call.caller.principal
    roles = ["admin"] if principal is None else sorted(principal.roles)
    return json_answer({"name": call.caller.actor, "roles": roles, "token": call.caller.token})


# Users


def _users(node: Node, _: Call) -> Answer:
    with node.feed.reading() as topology:
        found = [note for note in topology.system.values() if isinstance(note, User)]
    return json_answer(sorted(found, key=lambda user: user.name))


def _known(node: Node, call: Call) -> User:
    """Return the user that a request is about; only admins may ask about others."""
    name = check_user(call.path("name"))
    call.caller.need(lambda principal: principal.administers or principal.name == name, "admins")
    found = node.user(name)
    if found is None:
        raise NotFound(f"there is no user {name!r}", user=name)
    return found


def _user(node: Node, call: Call) -> Answer:
    return json_answer(_known(node, call))


async def _delete_user(node: Node, call: Call) -> Answer:
    name: str = check_user(call.path("name"))
    return json_answer(value_of(await run(node, call, Command("user.delete", [DropUser(name)]))))


def _password(node: Node, call: Call) -> Answer:
    user, credentials = _known(node, call), _credentials(node)
    credentials.set_password(user.name, call.json(_Password).password)
    for token in list(credentials.tokens(user.name)):
        if token.id != call.caller.token:
            credentials.revoke(token.id)
    return json_answer({"user": user.name})


def _tokens(node: Node, call: Call) -> Answer:
    user = _known(node, call)
    found = sorted(_credentials(node).tokens(user.name), key=lambda token: token.created)
    return json_answer([_shown(token) for token in found])


def _issue(node: Node, call: Call) -> Answer:
    wanted, user = call.json(_NewToken), _known(node, call)
    return _told(_credentials(node).issue(user.name, wanted.seconds, wanted.label))


def _revoke(node: Node, call: Call) -> Answer:
    user = _known(node, call)
    _credentials(node).revoke(call.path("token"), user.name)
    return json_answer({"revoked": call.path("token")})


# Secrets


def _secrets(node: Node, _: Call) -> Answer:
    return json_answer([{"name": name} for name in _vault(node).names() if not name.startswith(HIDDEN)])


def _set_secret(node: Node, call: Call) -> Answer:
    name, value = own_name(call.path("name")), call.json(_Value).value.encode()
    if len(value) > MAX_VALUE:
        raise UsageError(f"a secret has {MAX_VALUE:,} bytes at most", limit=MAX_VALUE)
    _vault(node).put(name, value)
    return json_answer({"name": name})


def _delete_secret(node: Node, call: Call) -> Answer:
    name = own_name(call.path("name"))
    if not _vault(node).delete(name):
        raise NotFound(f"there is no secret {name!r}", secret=name)
    return json_answer({"name": name})


def _denials(node: Node, call: Call) -> Answer:
    return json_answer(node.denials.newest(call.get(LIMIT)))
