"""API nodes on temporary logs, and an HTTP client."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from api_node import ApiNode
from asking import Asker, bearer

from midonet.events.vault.credentials import Credentials
from midonet.events.vault.encryption import new_key
from midonet.events.vault.factory import open_vault


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    """URL of a new SQLite log."""
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
    """A client of the node."""
    with Asker(node.url) as asker:
        yield asker


@pytest.fixture
def vault(tmp_path: Path) -> dict[str, Any]:
    """A vault and its key."""
    key = tmp_path / "key"
    key.write_text(new_key())
    key.chmod(0o600)
    return {"vault": f"file://{tmp_path}/vault", "vault_key": str(key)}


@pytest.fixture
def credentials(vault: dict[str, Any]) -> Credentials:
    """Passwords and tokens in the vault."""
    return Credentials(open_vault(vault["vault"], vault["vault_key"]))


@pytest.fixture
def signed_in(credentials: Credentials) -> Callable[[str], dict[str, str]]:
    """Issue a token for a user; return the headers with it."""
    return lambda name: bearer(credentials.issue(name, 3600).text)
