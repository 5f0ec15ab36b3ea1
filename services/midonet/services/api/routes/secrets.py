"""`/v1/secrets`: names and values of secrets in the vault. No response contains a value."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from midonet.events.errors import NotFound, UsageError
from midonet.events.vault.base import MAX_VALUE, Vault
from midonet.events.vault.credentials import HIDDEN, own_name
from midonet.services.api.framework.operation import Answer, Operation, json_answer
from midonet.services.api.framework.parameters import path
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.answers import SecretName
from midonet.services.api.routes.users import operation, text_body

_NAME = path("name", "Name of the secret.")


class _Value(Struct, forbid_unknown_fields=True):
    value: str


def operations() -> Iterator[Operation]:
    """Yield the operations on secrets."""
    one, admin = "/v1/secrets/{name}", "admin"
    named: dict[str, Any] = {"parameters": (_NAME,), "access": admin, "answer": SecretName}
    yield operation(
        "list-secrets", "GET /v1/secrets", "List the names of secrets.", _list, access=admin, answer=list[SecretName]
    )
    yield operation("set-secret", f"PUT {one}", "Set a secret.", _set, **named, body=text_body("value"))
    yield operation("delete-secret", f"DELETE {one}", "Delete a secret.", _delete, **named)


def _vault(node: Node) -> Vault:
    if node.vault is None:
        raise NotFound("this node has no vault; set `vault`")
    return node.vault


def _list(node: Node, _: Call) -> Answer:
    return json_answer([SecretName(name) for name in _vault(node).names() if not name.startswith(HIDDEN)])


def _set(node: Node, call: Call) -> Answer:
    name, value = own_name(call.path("name")), call.json(_Value).value.encode()
    if len(value) > MAX_VALUE:
        raise UsageError(f"a secret has {MAX_VALUE:,} bytes at most", limit=MAX_VALUE)
    _vault(node).put(name, value)
    return json_answer(SecretName(name))


def _delete(node: Node, call: Call) -> Answer:
    name = own_name(call.path("name"))
    if not _vault(node).delete(name):
        raise NotFound(f"there is no secret {name!r}", secret=name)
    return json_answer(SecretName(name))
