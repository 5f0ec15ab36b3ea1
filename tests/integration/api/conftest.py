"""API nodes on logs of the test's own, and a plain HTTP client to ask them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from api_node import ApiNode
from asking import Asker


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    """A SQLite log that does not exist yet."""
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def nodes(log_url: str) -> Iterator[Callable[[], ApiNode]]:
    """Start a node on the log."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(ApiNode(log_url))


@pytest.fixture
def node(nodes: Callable[[], ApiNode]) -> ApiNode:
    """The only node."""
    return nodes()


@pytest.fixture
def api(node: ApiNode) -> Iterator[Asker]:
    """Ask the node."""
    with Asker(node.url) as asker:
        yield asker
