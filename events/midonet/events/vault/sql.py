"""A vault in a table of a database, for the nodes of a cluster: `secrets(name, sealed)` on PostgreSQL or SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from midonet.events.errors import Unavailable, UsageError
from midonet.events.redaction import redact
from midonet.events.vault.base import is_name
from midonet.events.vault.encryption import Seal

_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 10_000}
"""Of libpq, in seconds and in milliseconds: whoever signs in waits no longer for a server that is away."""

_SECRETS = sa.Table(
    "secrets",
    sa.MetaData(),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)


class SqlVault:
    """The vault in the database at `url`; its table is made where there is none."""

    def __init__(self, url: str, seal: Seal) -> None:
        self._seal = seal
        self._url = redact(url)
        try:
            bounds = _PATIENCE if url.startswith("postgresql") else {}
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
        """Make the table, unless it is there; of several nodes that begin at once only one can."""
        try:
            with self._connected() as database:
                _SECRETS.create(database, checkfirst=True)
        except Unavailable:
            with self._connected() as database:
                if not sa.inspect(database).has_table(_SECRETS.name):
                    raise

    def get(self, name: str) -> bytes | None:
        """Return a secret; None if there is none of that name."""
        if not is_name(name):  # which not every server could even be asked for
            return None
        with self._connected() as database:
            found = database.execute(sa.select(_SECRETS.c.sealed).where(_SECRETS.c.name == name)).scalar()
        return self._seal.open(name, bytes(found)) if found is not None else None

    def put(self, name: str, value: bytes) -> None:
        """Keep a secret, durably, in the place of the one before."""
        sealed = self._seal.close(name, value)
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        one = insert(_SECRETS).values(name=name, sealed=sealed)
        with self._connected() as database:
            database.execute(one.on_conflict_do_update(index_elements=[_SECRETS.c.name], set_={"sealed": sealed}))

    def delete(self, name: str) -> bool:
        """Forget a secret; return whether there was one."""
        with self._connected() as database:
            return bool(database.execute(sa.delete(_SECRETS).where(_SECRETS.c.name == name)).rowcount)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin so, in order."""
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
    """Make SQLite's file, if it is not there, for its owner alone."""
    if url.get_backend_name() == "sqlite" and url.database:
        with suppress(OSError):  # SQLite says what is wrong with it
            Path(url.database).touch(mode=0o600)
