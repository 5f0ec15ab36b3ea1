"""Sign-in, roles and restricted tenants, over HTTP."""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from api_node import ApiNode
from asking import Asker, bearer
from cryptography.hazmat.primitives.asymmetric import ec
from waiting import eventually

from midonet.cli.main import main
from midonet.events import api_client
from midonet.events.commands.command import Command, Op, SetUser
from midonet.events.commit import Record
from midonet.events.log import open_log
from midonet.events.log.backends.http import HttpPart
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.vault.credentials import Credentials

PASSWORD = "correct horse battery"  # noqa: S105 - of users of this test
ROLES = {"root": "admin", "olga": "operator", "ann": "tenant-admin@acme", "bea": "tenant-admin@beta", "rita": "reader"}


@pytest.fixture
def node(log_url: str, vault: dict[str, Any], credentials: Credentials) -> Iterator[ApiNode]:
    """A node with authentication and the users of `ROLES`; the password of ann is `PASSWORD`."""
    run(log_url, *(SetUser(name, (role,), new=True) for name, role in ROLES.items()))
    credentials.set_password("ann", PASSWORD)
    with ApiNode(log_url, auth="tokens", **vault) as node:
        yield node


@pytest.fixture
def tenants(api: Asker, signed_in: Callable[[str], dict[str, str]]) -> dict[str, dict[str, str]]:
    """Two tenants with a network each; return the headers of some users."""
    by = {name: signed_in(name) for name in ROLES}
    api.ok("POST", "/v1/routers", {"name": "provider"}, headers=by["olga"])
    for tenant in ("acme", "beta"):
        documents = [
            {"kind": "bridge", "name": f"{tenant}-net", "tenant": tenant, "ports": [{"name": f"{tenant}-p"}]},
            {"kind": "router", "name": f"{tenant}-gw", "tenant": tenant, "ports": [{"name": f"{tenant}-up"}]},
        ]
        api.ok("POST", "/v1/apply", documents, headers={**by["olga"], "Midonet-Reason": f"{tenant} wants it"})
    api.ok("POST", "/v1/ports", {"name": "down", "router": "provider", "peer": "acme-up"}, headers=by["olga"])
    return by


def run(log_url: str, *ops: Op) -> None:
    log = open_log(log_url)
    Store.open(log).execute(Command("test", list(ops)), Context(actor="test"))
    log.close()


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def test_requests_without_authentication_are_401(api: Asker) -> None:
    for path in ("/v1", "/v1/bridges", "/v1/log", "/v1/export", "/v1/watch", "/v1/users", "/v1/status", "/v1/head"):
        answer = api("GET", path)
        assert answer.status == 401
        assert answer.json["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    api.refused(401, "POST", "/v1/bridges", {"name": "b"})
    for text in ("Bearer nonsense", "Bearer mn_0000000000000000_" + "a" * 43, "Basic !", "Digest x", "Bearer a.b.c"):
        api.refused(401, "GET", "/v1/bridges", headers={"Authorization": text})
    assert api("GET", "/healthz").status == 200
    assert api("GET", "/openapi.json").status == 200


def test_logout_revokes_the_token_of_login(api: Asker) -> None:
    ann = bearer(api.ok("POST", "/v1/login", headers=basic("ann"))["token"])
    told = api.ok("GET", "/v1/whoami", headers=ann)
    assert (told["name"], told["roles"]) == ("ann", ["tenant-admin@acme"])
    assert api.ok("POST", "/v1/logout", headers=ann)["revoked"] == told["token"]
    api.refused(401, "GET", "/v1/whoami", headers=ann)


def test_failed_logins_are_alike_and_throttled(api: Asker) -> None:
    problems = [
        api.refused(401, "POST", "/v1/login", headers=basic(name, "wrong password")) for name in ("ann", "unknown")
    ]
    assert problems[0] == problems[1]
    for _ in range(9):
        api.refused(401, "POST", "/v1/login", headers=basic("ann", "wrong password"))
    assert api.refused(429, "POST", "/v1/login", headers=basic("ann"))["details"]["seconds"] <= 61


def test_details_of_health_need_authentication(api: Asker, signed_in: Callable[[str], dict[str, str]]) -> None:
    assert api.ok("GET", "/healthz") == {"alive": True}
    assert api.ok("GET", "/healthz", headers=signed_in("root"))["place"] == "192.0.2.1"
    api.refused(401, "GET", "/healthz", headers=bearer("no token"))
    api.refused(403, "GET", "/healthz", headers=signed_in("ann"))


def test_role_changes_take_effect_at_once(api: Asker, log_url: str, signed_in: Callable[[str], dict[str, str]]) -> None:
    ann, root = signed_in("ann"), signed_in("root")
    api.ok("POST", "/v1/commands", {"ops": [{"op": "set-user", "name": "ann", "roles": ["reader"]}]}, headers=root)
    assert api.ok("GET", "/v1/whoami", headers=ann)["roles"] == ["reader"]
    run(log_url, SetUser("ann", disabled=True))
    eventually(lambda: api("GET", "/v1/whoami", headers=ann).status == 401)
    api.refused(401, "POST", "/v1/login", headers=basic("ann"))


def test_only_admins_manage_users_and_secrets(api: Asker, signed_in: Callable[[str], dict[str, str]]) -> None:
    root, olga = signed_in("root"), signed_in("olga")
    op = {"op": "set-user", "name": "eve", "roles": ["admin"], "new": True}
    problem = api.refused(403, "POST", "/v1/commands", {"ops": [op]}, headers=olga)
    assert problem["details"]["reason"] == "not-allowed"
    for method, path, body in [
        ("GET", "/v1/users", None),
        ("GET", "/v1/users/root", None),
        ("PUT", "/v1/users/root/password", {"password": "another one"}),
        ("POST", "/v1/users/root/tokens", {}),
        ("DELETE", "/v1/users/root", None),
        ("GET", "/v1/secrets", None),
        ("PUT", "/v1/secrets/isp", {"value": "x"}),
    ]:
        api.refused(403, method, path, body, headers=olga)
    assert {user["name"] for user in api.ok("GET", "/v1/users", headers=root)} == set(ROLES)
    api.ok("PUT", "/v1/secrets/isp", {"value": "bgp secret"}, headers=root)
    assert api.ok("GET", "/v1/secrets", headers=root) == [{"name": "isp"}]
    api.refused(422, "PUT", "/v1/secrets/token%2Fx", {"value": "x"}, headers=root)
    api.ok("DELETE", "/v1/secrets/isp", headers=root)
    denials = api.ok("GET", "/v1/denials", headers=root)
    assert {(one["actor"], one["path"]) for one in denials} >= {("olga", "/v1/secrets/isp"), ("olga", "/v1/commands")}


def test_deleting_a_user_revokes_its_tokens(api: Asker, signed_in: Callable[[str], dict[str, str]]) -> None:
    ann, root = signed_in("ann"), signed_in("root")
    made = api.ok("POST", "/v1/users/ann/tokens", {"label": "ci", "seconds": 60}, headers=ann)
    assert [one["label"] for one in api.ok("GET", "/v1/users/ann/tokens", headers=ann)] == ["", "ci"]
    api.ok("DELETE", f"/v1/users/ann/tokens/{made['id']}", headers=ann)
    api.refused(401, "GET", "/v1/whoami", headers=bearer(made["token"]))
    api.ok("PUT", "/v1/users/ann/password", {"password": "an even longer one"}, headers=ann)
    api.refused(401, "POST", "/v1/login", headers=basic("ann"))
    api.ok("GET", "/v1/whoami", headers=ann)
    api.ok("DELETE", "/v1/users/ann", headers=root)
    api.refused(401, "GET", "/v1/whoami", headers=ann)


def test_tenant_sees_no_object_of_another(api: Asker, tenants: dict[str, dict[str, str]]) -> None:
    olga, bea = tenants["olga"], tenants["bea"]
    foreign = {
        one["id"]
        for kind in ("bridges", "routers", "ports")
        for one in api.ok("GET", f"/v1/{kind}", headers=olga)
        if not str(one["name"]).startswith("beta")
    }
    (net,) = api.ok("GET", "/v1/bridges", headers=bea)
    everything = [
        f"/v1/{kind}" for kind in ("bridges", "routers", "ports", "chains", "hosts", "routes", "tunnel-zones")
    ]
    everything += ["/v1", "/v1/log", "/v1/export", "/v1/tags", "/v1/diff?from=0", f"/v1/objects/{net['id']}/history"]
    everything += [f"/v1/objects/{net['id']}/blame", "/v1/log?kind=port", "/v1/log?last=true&limit=2"]
    for path in everything:
        answer = api("GET", path, headers=bea)
        assert answer.status == 200, answer
        text = answer.body.decode()
        assert "acme" not in text
        assert "provider" not in text
        assert not [one for one in foreign if one in text], path
    for one in sorted(foreign):
        for path in (f"/v1/objects/{one}", f"/v1/objects/{one}/history", f"/v1/bridges/{one}", f"/v1/ports/{one}"):
            api.refused(404, "GET", path, headers=bea)
    head = api.ok("GET", "/v1/head", headers=bea)["position"]
    shown = [api("GET", f"/v1/log/{position}", headers=bea) for position in range(1, head + 1)]
    assert [answer.status for answer in shown].count(200) == 1
    assert not any("acme" in answer.body.decode() for answer in shown)
    for path in ("/v1/verify", "/v1/status", "/v1/projections"):
        api.refused(403, "GET", path, headers=bea)
    api.refused(403, "GET", "/v1/log", headers={**bea, "Accept": "application/json-seq"})


def test_references_to_foreign_objects_are_redacted(api: Asker, tenants: dict[str, dict[str, str]]) -> None:
    up, seen = (api.ok("GET", "/v1/ports/acme-up", headers=tenants[name]) for name in ("olga", "ann"))
    assert up["peer"] is not None
    assert seen == {**up, "peer": None}
    history = api("GET", f"/v1/objects/{up['id']}/history", headers=tenants["ann"])
    assert up["peer"] not in history.body.decode()
    assert [one["event"]["type"] for one in history.json] == ["port.created", "port.linked"]
    answer = api("PATCH", "/v1/ports/acme-up", {"admin_state_up": False}, headers=tenants["ann"])
    assert answer.status == 200
    assert up["peer"] not in answer.body.decode()
    assert api.ok("GET", "/v1/ports/acme-up", headers=tenants["olga"])["peer"] == up["peer"]


def test_tenant_changes_own_objects_as_actor(api: Asker, tenants: dict[str, dict[str, str]]) -> None:
    ann = {**tenants["ann"], "Midonet-Actor": "root"}
    api.ok("POST", "/v1/bridges", {"name": "b", "tenant": "acme"}, headers=ann)
    assert api.ok("GET", "/v1/log", last="true", limit=1, headers=tenants["olga"])[0]["actor"] == "ann"
    api.refused(403, "POST", "/v1/bridges", {"name": "b", "tenant": "beta"}, headers=ann)
    api.refused(403, "POST", "/v1/hosts", {"name": "hv"}, headers=ann)
    for method, path, body in [
        ("PATCH", "/v1/bridges/beta-net", {"admin_state_up": False}),
        ("DELETE", "/v1/bridges/beta-net", None),
        ("POST", "/v1/ports", {"bridge": "beta-net"}),
        ("PATCH", "/v1/ports/acme-p", {"peer": "beta-up"}),
        ("POST", "/v1/log/7/revert", None),
    ]:
        api.refused(404, method, path, body, headers=ann)
    document = {"kind": "bridge", "name": "acme-net", "tenant": "acme"}
    api.refused(403, "POST", "/v1/apply", [document], prune="true", headers=tenants["rita"])
    plan = api.ok("POST", "/v1/plan", [{"kind": "bridge", "name": "c", "tenant": "acme"}], headers=ann)
    assert (plan["hosts"], plan["vteps"]) == ([], [])


def test_watch_shows_only_the_own_tenant(api: Asker, node: ApiNode, tenants: dict[str, dict[str, str]]) -> None:
    peer = api.ok("GET", "/v1/ports/acme-up", headers=tenants["olga"])["peer"]
    with Asker(node.url) as other:
        for query in ({"after": 0}, {"snapshot": "true"}):
            with other.watch(headers=tenants["ann"], mark=1, **query) as events:
                told = "".join(event.raw for event in _until_mark(events))
                assert "acme-net" in told
                assert "beta" not in told
                assert "provider" not in told
                assert peer not in told
        with other.watch(headers=tenants["ann"], mark=1) as events:
            _until_mark(events)
            api.ok("PATCH", "/v1/bridges/beta-net", {"name": "beta-2"}, headers=tenants["bea"])
            api.ok("DELETE", "/v1/ports/down", headers=tenants["olga"])
            told = next(event.raw for event in events if event.kind == "commit")
            assert "beta" not in told
            assert peer not in told
            assert json.loads(told)["events"][0]["type"] == "port.unlinked"


@pytest.fixture
def cache_of_bea(
    node: ApiNode, tenants: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Configure midoctl for bea; return its configuration directory."""
    monkeypatch.setenv("MIDOCTL_SERVER", node.url)
    monkeypatch.setenv("MIDOCTL_TOKEN", tenants["bea"]["Authorization"].split()[1])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("form", ["table", "json", "yaml", "name"])
def test_midoctl_shows_a_tenant_its_history(
    api: Asker, tenants: dict[str, dict[str, str]], form: str, cache_of_bea: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    olga, bea = tenants["olga"], tenants["bea"]
    api.ok("POST", "/v1/ports", {"name": "beta-down", "router": "provider", "peer": "beta-up"}, headers=olga)
    api.ok("PATCH", "/v1/bridges/beta-net", {"name": "beta-2"}, headers=bea)
    api.ok("PATCH", "/v1/bridges/acme-net", {"name": "acme-2"}, headers=olga)
    foreign = {
        one["id"]
        for kind in ("bridges", "routers", "ports")
        for one in api.ok("GET", f"/v1/{kind}", headers=olga)
        if not str(one["name"]).startswith("beta") or one["name"] == "beta-down"
    }

    def told(*words: str, status: int = 0) -> str:
        assert main(["-o", form, *words]) == status
        said = capfd.readouterr()
        everything = said.out + said.err
        assert "acme" not in everything
        assert "provider" not in everything
        assert not [one for one in foreign if one in everything], words
        return everything

    position = api.ok("GET", "/v1/head", headers=bea)["position"]
    before = str(position - 2)
    for words in (
        ["log"],
        ["log", "-n", "1"],
        ["log", "--object", "beta-2"],
        ["log", "--kind", "port", "--since", "2"],
        ["history", "beta-2"],
        ["history", "beta-net", "--at", before],
        ["blame", "beta-2"],
        ["blame", "router/beta-gw", "--at", before],
        ["diff", "0"],
        ["diff", before, str(position)],
        ["diff", str(position), "3"],
        ["bridge", "list", "--at", before],
        ["bridge", "show", "beta-net", "--at", before],
    ):
        assert told(*words), words
    for words in (["history", "gone"], ["log", "--at", str(position + 1)], ["history", "beta-2", "--at", "999"]):
        assert told(*words, status=4), words
    told("verify", status=3)
    for one in sorted(foreign):
        assert main(["history", one]) == 4
    capfd.readouterr()
    assert not list(cache_of_bea.rglob("*.db"))


def test_midoctl_follows_the_visible_log(
    api: Asker, node: ApiNode, tenants: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tenants["bea"]["Authorization"].split()[1]
    monkeypatch.setattr(api_client, "_access", lambda _: api_client.Access(token))
    with closing(HttpPart(node.url)) as log:
        head = list(log.read())[-1].head
        api.ok("PATCH", "/v1/bridges/acme-net", {"name": "acme-2"}, headers=tenants["olga"])
        api.ok("PATCH", "/v1/bridges/beta-net", {"name": "beta-2"}, headers=tenants["bea"])
        items = log.follow(head, stopped=lambda: False)
        record = next(item for item in items if isinstance(item, Record))
        assert b"acme" not in record.raw
        assert record.commit.events[0].data["changed"]["name"] == ["beta-net", "beta-2"]


def _until_mark(events: Any) -> list[Any]:
    found: list[Any] = []
    for event in events:
        if event.kind == "mark":
            return found
        found.append(event)
    raise AssertionError("it ended")


def test_foreign_command_id_reveals_nothing(api: Asker, tenants: dict[str, dict[str, str]]) -> None:
    body, key = {"name": "secret plan", "tenant": "acme"}, {"Idempotency-Key": "one"}
    first = api.ok("POST", "/v1/bridges", body, headers={**tenants["ann"], **key})
    assert api.ok("POST", "/v1/bridges", body, headers={**tenants["ann"], **key}) == first
    problem = api.refused(422, "POST", "/v1/bridges", body, headers={**tenants["bea"], **key})
    assert first["object"]["id"] not in json.dumps(problem)


# OpenID Connect


class Issuer:
    """A local identity provider with signing keys and a JWK set."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        page = json.dumps({"keys": [{**public, "kid": "k1", "use": "sig", "alg": "ES256"}]}).encode()
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def token(self, key: Any = None, kid: str = "k1", algorithm: str = "ES256", **claims: Any) -> str:
        """Return a token for ann of the group netops, unless claims say otherwise."""
        said = {
            "iss": self.url,
            "aud": "midonet",
            "sub": "ann",
            "groups": ["acme-admins", "others"],
            "exp": datetime.now(UTC) + timedelta(minutes=5),
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self.key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An identity provider."""
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.mark.parametrize("node", ["oidc"])
def test_oidc_tokens_for_this_audience_are_accepted(node: str, log_url: str, issuer: Issuer) -> None:
    del node
    config = {
        "oidc_issuer": issuer.url,
        "oidc_audience": "midonet",
        "oidc_keys": f"{issuer.url}/keys",
        "oidc_roles_claim": "groups",
        "oidc_roles": {"acme-admins": "tenant-admin@acme", "ops": ["operator"]},
    }
    with ApiNode(log_url, auth="tokens", services={"api": config}) as oidc, Asker(oidc.url) as api:
        told = api.ok("GET", "/v1/whoami", headers=bearer(issuer.token()))
        assert told == {"name": "oidc:ann", "roles": ["tenant-admin@acme"], "token": None}
        api.ok("POST", "/v1/bridges", {"name": "b", "tenant": "acme"}, headers=bearer(issuer.token()))
        api.refused(403, "POST", "/v1/hosts", {"name": "h"}, headers=bearer(issuer.token()))
        api.ok("POST", "/v1/hosts", {"name": "h"}, headers=bearer(issuer.token(groups="ops")))
        assert api.ok("GET", "/v1/whoami", headers=bearer(issuer.token(groups=None)))["roles"] == []
        wrong = [
            issuer.token(aud="another audience"),
            issuer.token(iss="https://elsewhere"),
            issuer.token(exp=datetime.now(UTC) - timedelta(minutes=5)),
            issuer.token(exp=None),
            issuer.token(aud=None),
            issuer.token(sub=None),
            issuer.token(key=ec.generate_private_key(ec.SECP256R1())),
            issuer.token(kid="k2"),
            issuer.token(key="k" * 32, algorithm="HS256"),
            jwt.encode({"sub": "ann"}, "", algorithm="none"),
            issuer.token()[:-4] + "AAAA",
        ]
        for token in wrong:
            api.refused(401, "GET", "/v1/whoami", headers=bearer(token))
        assert issuer.asked <= 2
