"""A vault in a table of a database, for the nodes of a cluster: `secrets(name, sealed)` on PostgreSQL or SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from midonet.events.errors import Unavailable, UsageError
from midonet.events.redaction import redact
from midonet.events.vault.base import is_name
from midonet.events.vault.encryption import Encryption

_TIMEOUTS = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
"""Of libpq, in seconds and milliseconds: a sign-in does not wait longer for an unreachable server."""

_SECRETS = sa.Table(
    "secrets",
    sa.MetaData(),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)


class SqlVault:
    """The vault in the database at `url`; the table is created if it is absent."""

    def __init__(self, url: str, encryption: Encryption) -> None:
        self._encryption = encryption
        self._url = redact(url)
        try:
            bounds = _TIMEOUTS if url.startswith("postgresql") else {}
            self._engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=bounds)
        except (sa.exc.ArgumentError, ImportError):
            raise UsageError(f"not the address of a vault: {self._url}") from None
        try:
            _make_private(self._engine.url)
            self._create()
        except BaseException:
            self.close()
            raise

    def _create(self) -> None:
        """Create the table if it is absent; of several nodes that start at once only one can."""
        try:
            with self._connected() as database:
                _SECRETS.create(database, checkfirst=True)
        except Unavailable:
            with self._connected() as database:
                if not sa.inspect(database).has_table(_SECRETS.name):
                    raise

    def get(self, name: str) -> bytes | None:
        """Return a secret; None if there is none of that name."""
        if not is_name(name):  # some servers cannot store such a text
            return None
        with self._connected() as database:
            found = database.execute(sa.select(_SECRETS.c.sealed).where(_SECRETS.c.name == name)).scalar()
        return self._encryption.decrypt(name, bytes(found)) if found is not None else None

    def put(self, name: str, value: bytes) -> None:
        """Store a secret durably; it replaces the one before."""
        sealed = self._encryption.encrypt(name, value)
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        one = insert(_SECRETS).values(name=name, sealed=sealed)
        with self._connected() as database:
            database.execute(one.on_conflict_do_update(index_elements=[_SECRETS.c.name], set_={"sealed": sealed}))

    def delete(self, name: str) -> bool:
        """Delete a secret; return whether there was one."""
        with self._connected() as database:
            return bool(database.execute(sa.delete(_SECRETS).where(_SECRETS.c.name == name)).rowcount)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names with a prefix, sorted."""
        with self._connected() as database:
            found = database.execute(sa.select(_SECRETS.c.name)).scalars()
            return sorted(name for name in found if name.startswith(prefix))

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as database:
                yield database
        except sa.exc.SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            raise Unavailable(f"the vault {self._url}: {reason}", vault=self._url) from None


def _make_private(url: sa.URL) -> None:
    """Create the SQLite file, if it is absent, for its owner alone."""
    if url.get_backend_name() == "sqlite" and url.database:
        with suppress(OSError):  # SQLite reports what is wrong
            Path(url.database).touch(mode=0o600)
