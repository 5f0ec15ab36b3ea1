"""Users sign in with midoctl over TLS, and no secret appears in any output."""

import json
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from api_node import ApiNode

from midonet.projections.runtime.http_pages import Tls
from midonet.testbed.certificates import Authority

from .conftest import MIDOCTL

PASSWORD = "planted-pa55-word"  # noqa: S105 - of a user of this test
SECRET = "planted-bgp-secret"  # noqa: S105 - of a peer of this test


@pytest.fixture
def midoctl(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run midoctl as a process; its output is searched for secrets at the end."""
    said: list[str] = []
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LOGNAME": "tester"}

    def run(*words: str, stdin: str = "", status: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [MIDOCTL, *words], input=stdin, capture_output=True, text=True, check=False, env={**environ, **more}
        )
        said.append(f"{words} {done.stdout} {done.stderr}")
        assert done.returncode == status, done
        return done

    yield run
    assert not [text for text in said if PASSWORD in text or SECRET in text]


@pytest.fixture
def vault(tmp_path: Path, midoctl: Any) -> dict[str, str]:
    """Options of the vault."""
    key = tmp_path / "vault.key"
    key.touch(mode=0o600)
    key.write_text(midoctl("secret", "key").stdout)
    return {"MIDOCTL_VAULT": f"file://{tmp_path}/vault", "MIDOCTL_VAULT_KEY": str(key)}


def test_first_admin_is_created_offline_and_signs_in(
    tmp_path: Path, midoctl: Any, vault: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    log = {"MIDOCTL_SERVER": f"sqlite:///{tmp_path}/log.db"}
    midoctl("user", "create", "root", "--role", "admin", "--create", **log)
    midoctl("user", "password", "root", stdin=PASSWORD, **log, **vault)
    authority = Authority(tmp_path / "tls")
    server = authority.pair("server")
    tls = Tls(str(server.certificate), str(server.key), str(authority.ca))
    settings = {"vault": vault["MIDOCTL_VAULT"], "vault_key": vault["MIDOCTL_VAULT_KEY"]}
    with ApiNode(log["MIDOCTL_SERVER"], tls=tls, auth="tokens", **settings) as node:
        away = {"MIDOCTL_SERVER": node.url}
        assert "CERTIFICATE" in midoctl("whoami", status=5, **away).stderr.upper()
        api = {**away, "MIDOCTL_CA": str(authority.ca)}
        assert "authentication required" in midoctl("bridge", "list", status=3, **api).stderr
        assert "wrong" in midoctl("login", "root", stdin="a wrong one", status=3, **api).stderr
        assert midoctl("login", "root", stdin=f"{PASSWORD}\n", **api).stdout == "signed in as root\n"
        kept = tmp_path / ".config/midoctl/tokens.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        token = json.loads(kept.read_text())[node.url]
        assert json.loads(midoctl("whoami", "-o", "json", **api).stdout) == {"name": "root", "roles": ["admin"]}
        midoctl("user", "create", "ann", "--role", "tenant-admin@acme", **api)
        midoctl("bridge", "create", "b", "--tenant", "acme", **api)
        ann = {**api, "MIDOCTL_TOKEN": midoctl("user", "token", "ann", **api).stdout.strip()}
        assert "acme" in midoctl("bridge", "list", **ann).stdout
        midoctl("bridge", "set", "b", "--no-admin-state-up", **ann)
        midoctl("user", "list", status=3, **ann)
        midoctl("host", "create", "h", status=3, **ann)
        assert "ann" in midoctl("audit", "denied", **api).stdout
        midoctl("secret", "set", "isp", stdin=SECRET, **api)
        assert midoctl("secret", "list", "-o", "name", **api).stdout == "isp\n"
        client = authority.pair("ann")
        shown = {**away, "MIDOCTL_CA": api["MIDOCTL_CA"], "HOME": "/nonexistent"}
        shown |= {"MIDOCTL_CERT": str(client.certificate), "MIDOCTL_CERT_KEY": str(client.key)}
        assert "ann" in midoctl("whoami", **shown).stdout
        unknown = Authority(tmp_path / "other", "unknown").pair("ann")
        shown |= {"MIDOCTL_CERT": str(unknown.certificate), "MIDOCTL_CERT_KEY": str(unknown.key)}
        midoctl("whoami", status=5, **shown)
        midoctl("user", "delete", "ann", "--dry-run", **api)
        assert "ann" in midoctl("whoami", **ann).stdout
        midoctl("user", "set", "ann", "--disable", **api)
        assert "deleted or disabled" in midoctl("whoami", status=3, **ann).stderr
        midoctl("user", "delete", "ann", **api)
        midoctl("user", "create", "ann", "--role", "reader", **api)
        assert "invalid, expired or revoked token" in midoctl("whoami", status=3, **ann).stderr
        midoctl("logout", **api)
        midoctl("whoami", status=3, **api)
    planted = (PASSWORD, SECRET, token, ann["MIDOCTL_TOKEN"])
    for path in tmp_path.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # SQLite removes its own when the last one leaves
            content = path.read_bytes()
            assert not [one for one in planted if one.encode() in content], path
    assert not [one for one in planted if one in caplog.text]


def test_passwords_are_not_sent_unencrypted(midoctl: Any) -> None:
    refused = midoctl("login", "ann", "--server", "http://192.0.2.1:8181", stdin=PASSWORD, status=2)
    assert "use https" in refused.stderr


def test_a_readable_key_file_is_refused(midoctl: Any, vault: dict[str, str]) -> None:
    Path(vault["MIDOCTL_VAULT_KEY"]).chmod(0o644)
    assert "chmod 600" in midoctl("secret", "set", "x", stdin="y", status=5, **vault).stderr


@pytest.mark.parametrize("text", [f"{SECRET}\nX-Other: header", f"{SECRET} two words", f"{SECRET}é"])
def test_an_invalid_token_is_refused_and_not_shown(midoctl: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    server = "http://127.0.0.1:1"
    for given in ({"MIDOCTL_TOKEN": text}, {"MIDOCTL_TOKEN_FILE": str(file)}):
        assert "holds no token" in midoctl("bridge", "list", status=2, MIDOCTL_SERVER=server, **given).stderr
