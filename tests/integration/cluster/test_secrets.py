"""No output of the daemon contains a secret, and status pages require authentication."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from asking import Asker
from waiting import eventually

from midonet.events.config.settings import is_loopback, load
from midonet.events.vault.encryption import new_key
from midonet.services.api.service import ApiService
from midonet.services.settings import Settings, auth_unset_reason, effective
from midonet.testbed.server import DIE_WITH_PARENT

PLANTED = "planted-s3cret"
DAEMON = [*DIE_WITH_PARENT, sys.executable, "-m", "midonet.services.main", "run"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Settings with secrets in every place where one can be."""
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(new_key())
    login = tmp_path / "login"
    login.write_text(f"user:{PLANTED}")
    return {
        "PATH": "/usr/bin:/bin",
        "MIDONET_LOG": f"postgresql+psycopg://user:{PLANTED}@127.0.0.1:1/db?password={PLANTED}",
        "MIDONET_ZOOKEEPER": "127.0.0.1:1",
        "MIDONET_ZOOKEEPER_LOGIN": str(login),
        "MIDONET_KAFKA_LOGIN": str(login),
        "MIDONET_VAULT": f"sqlite:///{tmp_path}/vault.db?token={PLANTED}",
        "MIDONET_VAULT_KEY": str(key),
        "MIDONET_HTTP": "127.0.0.1:0",
        "MIDONET_AUTH": "tokens",
    }


def test_print_config_hides_secrets(environ: dict[str, str]) -> None:
    environ["MIDONET_SERVICES"] = f"{{greeter: {{password: {PLANTED}}}}}"
    done = subprocess.run([*DAEMON, "--print-config"], env=environ, capture_output=True, text=True, check=True)
    assert PLANTED not in done.stdout + done.stderr
    assert "***" in done.stdout
    assert environ["MIDONET_VAULT_KEY"] in done.stdout


@pytest.mark.parametrize("auth", ["none", "tokens"])
def test_logs_and_pages_hide_secrets(environ: dict[str, str], auth: str) -> None:
    environ["MIDONET_AUTH"] = auth  # without tokens the pages have all details
    seen = b"log: " if auth == "none" else b'"ready":false'
    with subprocess.Popen(
        [*DAEMON, "--log-level", "debug"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stderr is not None
        url = daemon.stdout.readline().strip()
        told = [url, Path(f"/proc/{daemon.pid}/cmdline").read_text()]
        with Asker(url) as api:
            eventually(lambda: seen in api("GET", "/readyz").body)
            pages = ("/readyz", "/status", "/metrics", "/cluster", "/v1/status", "/healthz")
            told += [api("GET", path).body.decode() for path in pages]
        daemon.terminate()
        told += [daemon.stdout.read(), daemon.stderr.read()]
    assert "level=" in told[-1]
    assert not [text for text in told if PLANTED in text]


def test_status_pages_require_authentication(environ: dict[str, str]) -> None:
    with subprocess.Popen(DAEMON, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        assert daemon.stdout is not None
        with Asker(daemon.stdout.readline().strip()) as api:
            assert {path: api("GET", path).status for path in ("/status", "/cluster")} == {
                "/status": 503,
                "/cluster": 503,
            }
            assert json.loads(api("GET", "/healthz").body)["alive"]
        daemon.terminate()


@pytest.mark.parametrize(
    ("http", "auth", "opens"),
    [("0.0.0.0:0", None, False), ("[::]:0", None, False), ("127.0.0.1:0", None, True), ("0.0.0.0:0", "none", True)],
)
def test_api_on_a_public_address_needs_auth(http: str, auth: str | None, *, opens: bool) -> None:
    flags = {"log": "sqlite:///x", "zookeeper": "z:1", "http": http} | ({"auth": auth} if auth else {})
    settings = effective(load(Settings, flags=flags, environ={}))
    assert (auth_unset_reason(settings) is None) == opens
    assert (ApiService.disabled_reason(settings) is None) == opens


def test_daemon_without_auth_serves_all_but_the_api(environ: dict[str, str], tmp_path: Path) -> None:
    del environ["MIDONET_AUTH"]
    environ |= {"MIDONET_LOG": f"sqlite:///{tmp_path}/log.db", "MIDONET_HTTP": "0.0.0.0:0"}
    with subprocess.Popen(DAEMON, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as daemon:
        assert daemon.stdout is not None
        with Asker(daemon.stdout.readline().strip()) as api:
            assert api("GET", "/healthz").status == 200
            assert api("GET", "/status").status == 503
            refused = api("GET", "/v1/bridges")
            assert refused.status == 503
            assert "set --auth tokens" in json.loads(refused.body)["detail"]
        daemon.terminate()


def test_loopback_addresses() -> None:
    found = [
        is_loopback(address) for address in ("localhost:1", "127.9.9.9:1", "[::1]:1", "h:1", "10.0.0.1:1", "[::]:1")
    ]
    assert found == [True, True, True, False, False, False]
    settings = load(Settings, flags={"log": "sqlite:///x", "zookeeper": "z:1"}, environ={})
    assert effective(settings).auth == "none"
