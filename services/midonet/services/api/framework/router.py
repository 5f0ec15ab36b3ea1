"""Routing of paths to operations. Segments are decoded one by one: a name may contain a slash (`web%2Fp1`)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from midonet.services.api.framework.operation import Operation


class Found(NamedTuple):
    """Operations of a path by method, the path parameters, and the path as declared."""

    operations: Mapping[str, Operation]
    values: Mapping[str, str]
    template: str


class _Node:
    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.operations: dict[str, Operation] = {}


class Router:
    """All paths as a tree of segments; a literal segment has precedence over a parameter."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def _add(self, operation: Operation) -> None:
        node = self._root
        for part in operation.path.strip("/").split("/"):
            if part.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.literal.setdefault(part, _Node())
        if operation.method in node.operations:
            raise AssertionError(f"two operations are at {operation.method} {operation.path}")
        node.operations[operation.method] = operation

    def find(self, path: str) -> Found | None:
        """Return the operations of a percent-encoded path, or None."""
        node: _Node | None = self._root
        texts: list[str] = []
        for part in path.strip("/").split("/"):
            if node is None:
                return None
            if part in node.literal:
                node = node.literal[part]
            else:
                node = node.any if part else None
                texts.append(unquote(part, errors="surrogateescape"))
        if node is None or not node.operations:
            return None
        template = next(iter(node.operations.values())).path
        names = [name[1:-1] for name in template.split("/") if name.startswith("{")]
        return Found(node.operations, dict(zip(names, texts, strict=True)), template)
