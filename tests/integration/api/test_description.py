"""The OpenAPI document and the served operations agree."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker

from midonet.events.commands.verbs import VERBS
from midonet.events.model import KINDS
from midonet.services.api.app import OPERATIONS
from midonet.services.api.framework.openapi import document

CONFIG = Path(__file__).with_name("schemathesis.toml")
SOME = "^/v1(/(bridges|tags|log|diff|objects|head|wait|export|plan|commands|projections)|$)"


def run_schemathesis(node: ApiNode, *options: str) -> None:
    """Run schemathesis with valid and invalid requests."""
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIG, "run", "--no-color"]
    limits: Sequence[str] = ["--exclude-operation-id", "watch", "--warnings", "off", "--seed", "7"]
    words = list(map(str, [*command, f"{node.url}/openapi.json", *limits, *options]))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


@pytest.mark.slow
def test_some_operations_are_as_described(node: ApiNode) -> None:
    run_schemathesis(node, "-n", "2", "--phases", "coverage,fuzzing", "--include-path-regex", SOME)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_all_operations_are_as_described(node: ApiNode) -> None:
    run_schemathesis(node, "-n", "20", "--phases", "coverage,fuzzing")


def test_every_kind_is_described(api: Asker) -> None:
    described = api.ok("GET", "/openapi.json")
    paths = described["paths"]
    for kind in KINDS.values():
        assert set(paths[f"/v1/{kind.plural}"]) == {"get", "post"}
        assert set(paths[f"/v1/{kind.plural}/{{ref}}"]) == {"get", "patch", "delete"}
    assert described["openapi"] == "3.1.0"
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)


def test_api_has_exactly_the_verbs_of_the_table() -> None:
    paths = {one.path: one for one in OPERATIONS if re.fullmatch(r"/v1/[\w-]+/{ref}/[\w-]+", one.path)}
    table = {
        f"/v1/{KINDS[kind].plural}/{{ref}}/{name}": verb
        for kind, verbs in VERBS.items()
        for name, verb in verbs.items()
    }
    assert set(paths) - {"/v1/objects/{ref}/history", "/v1/objects/{ref}/blame"} == set(table)
    for path, verb in table.items():
        assert (paths[path].method, paths[path].help) == ("POST", verb.help)
        body = paths[path].body
        schema = body.content["application/json"] if body is not None else {"properties": {}, "required": []}
        assert set(schema["properties"]) == set(verb.arguments)
        assert set(schema["required"]) == {name for name, one in verb.arguments.items() if one.required}


def test_every_reference_in_the_document_resolves() -> None:
    whole = document(OPERATIONS, "1")

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [ref for one in value.values() for ref in references(one)]
        return [ref for one in value for ref in references(one)] if isinstance(value, (list, tuple)) else []

    for ref in set(references(whole)):
        found: Any = whole
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]


def test_every_parameter_of_a_path_is_declared() -> None:
    for operation in OPERATIONS:
        named = {one.name for one in operation.parameters if one.location == "path"}
        assert named == set(re.findall(r"{(\w+)}", operation.path))


def test_every_answer_has_a_named_schema() -> None:
    whole = document(OPERATIONS, "1")

    def resolved(answer: dict[str, Any]) -> dict[str, Any]:
        name = answer.get("$ref", "").rpartition("/")[2]
        return dict(whole["components"]["responses"][name]) if name else answer

    for operation in (one for path in whole["paths"].values() for one in path.values()):
        for status, answer in operation["responses"].items():
            content = resolved(answer).get("content", {})
            assert content or status == "304", operation["operationId"]
            for described in content.values():
                schema = described["schema"]
                assert "$ref" in schema.get("items", schema), operation["operationId"]


def test_every_operation_names_its_authentication() -> None:
    whole = document(OPERATIONS, "1")
    assert whole["security"] == [{"token": []}, {"certificate": []}]
    own = {
        operation["operationId"]: operation["security"]
        for path in whole["paths"].values()
        for operation in path.values()
        if "security" in operation
    }
    assert own == {"service-document": [], "login": [{"password": []}]}
    assert {"token", "certificate", "password"} == set(whole["components"]["securitySchemes"])
    assert document(OPERATIONS, "1", authenticated=False)["security"][0] == {}


def test_service_document_links_exist(api: Asker) -> None:
    found = api.ok("GET", "/")
    assert (found["name"], bool(found["version"])) == ("MidoNet", True)
    for link in set(found["links"].values()) - {"/readyz", "/metrics", "/v1/watch"}:
        assert api.ok("GET", link)
