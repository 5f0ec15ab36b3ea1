"""A vault in a table of a database, for the nodes of a cluster: `secrets(name, sealed)` on PostgreSQL or SQLite."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from midonet.events.errors import Unavailable, UsageError
from midonet.events.settings import hidden
from midonet.events.vault.sealing import Seal

__all__ = ["SqlVault"]

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
        self._url = hidden(url)
        try:
            self._engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
        except (sa.exc.ArgumentError, ImportError):
            raise UsageError(f"not the address of a vault: {self._url}") from None
        with self._connected() as database:
            _SECRETS.create(database, checkfirst=True)

    def get(self, name: str) -> bytes | None:
        """Return a secret; None if there is none of that name."""
        with self._connected() as database:
            found = database.execute(sa.select(_SECRETS.c.sealed).where(_SECRETS.c.name == name)).scalar()
        return self._seal.open(name, bytes(found)) if found is not None else None

    def put(self, name: str, value: bytes) -> None:
        """Keep a secret, durably, in the place of the one before."""
        sealed = self._seal.close(name, value)
        with self._connected() as database:
            database.execute(sa.delete(_SECRETS).where(_SECRETS.c.name == name))
            database.execute(sa.insert(_SECRETS).values(name=name, sealed=sealed))

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
