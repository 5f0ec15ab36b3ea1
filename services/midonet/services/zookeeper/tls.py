"""TLS of an embedded member towards clients and other members, and its superuser.

A member uses the ZooKeeper certificate and CA of this node for clients; members may have a CA of their own. Java needs
certificate and key in one file: it is written with mode 0600 and rewritten when they change. Secrets never appear in
arguments or logs.
Source: ZooKeeper's administrator's guide, "Encryption, Authentication, Authorization Options" (3.9).
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from kazoo.security import make_digest_acl_credential

from midonet.events.config.connection_security import read_login, tls_context
from midonet.events.errors import Misconfigured
from midonet.services.settings import Settings
from midonet.services.zookeeper_members import Member

_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.+?-----END \1-----\n?", re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Keys(NamedTuple):
    """A certificate, its key, and the CA that verifies the peers."""

    ca: str
    certificate: str
    key: str | None

    def both(self) -> bytes:
        """Return certificate and key as one PEM. Raises `Misconfigured` with the invalid file."""
        tls_context("the members of ZooKeeper", self.ca, self.certificate, self.key)
        chain = b"\n".join(_CERTIFICATE.findall(Path(self.certificate).read_bytes()))
        found = _KEY.search(Path(self.key or self.certificate).read_bytes())
        if found is None:  # OpenSSL accepts formats that Java does not
            raise Misconfigured(f"there is no PEM key in {self.key or self.certificate}", file=self.certificate)
        key = load_pem_private_key(found[0], None)
        return chain + b"\n" + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Protection(NamedTuple):
    """Keys for clients and for other members, and the digest of the cluster's login; None if unset."""

    clients: Keys | None = None
    members: Keys | None = None
    login: str | None = None

    def clients_at(self, member: Member) -> str:
        """Return the client address of a member for the dynamic configuration.

        ZooKeeper 3.9 accepts only members with a port without TLS (ZOOKEEPER-4276). With TLS it is a free loopback
        port on which every client is rejected: see `settings`.
        """
        return f"{member.host}:{member.client}" if self.clients is None else f"127.0.0.{member.number}:0"

    def line(self, member: Member, role: str = "participant") -> str:
        """Return a member as a line of the dynamic configuration."""
        return member.line(self.clients_at(member), role)

    def settings(self, member: Member, folder: Path) -> Iterator[str]:
        """Yield the lines of the static configuration, for a server whose files are in `folder`."""
        if self.login is not None:
            yield f"DigestAuthenticationProvider.superDigest={self.login}"  # needed for reconfiguration
        else:
            yield "skipACL=yes"
        if self.clients is None or self.members is None:
            return
        yield "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory"
        yield f"secureClientPort={member.client}"
        yield f"secureClientPortAddress={member.host}"
        yield "enforce.auth.enabled=true"  # rejects clients without a certificate, on every port
        yield "enforce.auth.schemes=x509"
        yield "client.certReload=true"
        yield "ssl.clientAuth=need"
        yield "ssl.hostnameVerification=false"  # clients may come from anywhere
        yield from _stores("ssl", self.clients, _clients_file(folder))
        yield "sslQuorum=true"
        yield "sslQuorumReloadCertFiles=true"
        yield "ssl.quorum.clientHostnameVerification=false"  # whom a member connects to has to prove its name
        yield from _stores("ssl.quorum", self.members, _members_file(folder))

    def version(self) -> Sequence[float]:
        """Return what changes when one of the files is replaced; `OSError` while one is gone."""
        pairs = [keys for keys in (self.clients, self.members) if keys is not None]
        files = {file for keys in pairs for file in keys if file is not None}
        return [Path(file).stat().st_mtime for file in sorted(files)]

    def write(self, folder: Path) -> None:
        """Make the files of which `settings` speaks; `Misconfigured` or `OSError` names one that is no good."""
        for keys, file in ((self.clients, _clients_file(folder)), (self.members, _members_file(folder))):
            if keys is not None:
                write_private(file, keys.both())


def protection_of(settings: Settings) -> Protection:
    """Return the protection of the member on this node. Raises `Misconfigured` if the login cannot be read."""
    digest = None
    if settings.zookeeper_login is not None:
        login = read_login(settings.zookeeper_login)
        digest = make_digest_acl_credential(login.user, login.password)
    if settings.zookeeper_ca is None or settings.zookeeper_cert is None:
        return Protection(login=digest)
    clients = Keys(settings.zookeeper_ca, settings.zookeeper_cert, settings.zookeeper_key)
    if settings.zookeeper_members_ca is None or settings.zookeeper_members_cert is None:
        return Protection(clients, clients, digest)
    own = Keys(settings.zookeeper_members_ca, settings.zookeeper_members_cert, settings.zookeeper_members_key)
    return Protection(clients, own, digest)


def write_private(file: Path, content: bytes) -> None:
    """Replace a file atomically; only its owner can read it at any time."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)
    draft.write_bytes(content)
    draft.replace(file)


def _stores(prefix: str, keys: Keys, file: Path) -> Iterator[str]:
    yield f"{prefix}.keyStore.type=PEM"
    yield f"{prefix}.keyStore.location={file}"
    yield f"{prefix}.trustStore.type=PEM"
    yield f"{prefix}.trustStore.location={Path(keys.ca).absolute()}"


def _clients_file(folder: Path) -> Path:
    return folder / "clients.pem"


def _members_file(folder: Path) -> Path:
    return folder / "members.pem"
