"""Users, passwords, tokens and secrets, through a cluster's API or in a vault."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from midonet.cli.session.session import Session
from midonet.events.errors import NotFound, UsageError
from midonet.events.system.user import User

if TYPE_CHECKING:
    from midonet.events.vault.base import Vault
    from midonet.events.vault.credentials import Credentials


class Accounts:
    """Accounts of a cluster, or of a vault and the log."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._client = session.cluster

    def users(self) -> list[dict[str, Any]]:
        """Return all users."""
        if self._client is not None:
            return self._request("GET", "/v1/users")  # type: ignore[no-any-return]  # the API's type
        noted = self._session.state.system_objects(self._session.state.moment)
        found = sorted((note for note in noted.values() if isinstance(note, User)), key=lambda user: user.name)
        return [{"name": user.name, "roles": list(user.roles), "disabled": user.disabled} for user in found]

    def user(self, name: str) -> dict[str, Any]:
        """Return one user."""
        if self._client is not None:
            return self._request("GET", f"/v1/users/{quote(name, safe='')}")  # type: ignore[no-any-return]  # as above
        found = next((user for user in self.users() if user["name"] == name), None)
        if found is None:
            raise NotFound(f"there is no user {name!r}", user=name)
        return found

    def set_password(self, name: str, password: str) -> None:
        """Set a user's password."""
        if self._client is not None:
            self._request("PUT", f"/v1/users/{quote(name, safe='')}/password", {"password": password})
        else:
            credentials = self._credentials()
            credentials.set_password(self.user(name)["name"], password)
            for token in list(credentials.tokens(name)):
                credentials.revoke(token.id)

    def tokens(self, name: str) -> list[dict[str, Any]]:
        """Return a user's tokens."""
        if self._client is not None:
            return self._request("GET", f"/v1/users/{quote(name, safe='')}/tokens")  # type: ignore[no-any-return]
        found = self._credentials().tokens(self.user(name)["name"])
        return [msgspec.to_builtins(token) for token in sorted(found, key=lambda token: token.created)]

    def issue(self, name: str, seconds: float, label: str) -> dict[str, Any]:
        """Create a token for a user."""
        if self._client is not None:
            body = {"seconds": seconds, "label": label}
            return self._request("POST", f"/v1/users/{quote(name, safe='')}/tokens", body)  # type: ignore[no-any-return]
        issued = self._credentials().issue(self.user(name)["name"], seconds, label)
        return {"token": issued.text, "id": issued.token.id, "expires": issued.token.expires}

    def revoke(self, name: str, token: str) -> None:
        """Revoke a token."""
        if self._client is not None:
            self._request("DELETE", f"/v1/users/{quote(name, safe='')}/tokens/{quote(token, safe='')}")
        else:
            self._credentials().revoke(token, name)

    def forget(self, name: str) -> None:
        """Delete password and tokens of a user, unless the cluster does that itself."""
        if self._client is None and self._session.settings.get("vault"):
            self._credentials().forget(name)

    def secrets(self) -> list[str]:
        """Return the names of secrets."""
        if self._client is not None:
            return [one["name"] for one in self._request("GET", "/v1/secrets")]
        from midonet.events.vault.credentials import HIDDEN

        return [name for name in self._vault().names() if not name.startswith(HIDDEN)]

    def set_secret(self, name: str, value: str) -> None:
        """Set a secret."""
        if self._client is not None:
            self._request("PUT", f"/v1/secrets/{quote(name, safe='')}", {"value": value})
        else:
            self._vault().put(_own(name), value.encode())

    def delete_secret(self, name: str) -> None:
        """Delete a secret."""
        if self._client is not None:
            self._request("DELETE", f"/v1/secrets/{quote(name, safe='')}")
        elif not self._vault().delete(_own(name)):
            raise NotFound(f"there is no secret {name!r}", secret=name)

    def denials(self, limit: int) -> list[Mapping[str, Any]]:
        """Return the denied requests that this node of the cluster has recorded."""
        if self._client is None:
            raise UsageError("denied requests are recorded by nodes of a cluster: give --server https://HOST:PORT")
        return list(msgspec.json.decode(self._client.get("/v1/denials", limit=limit).body))

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        assert self._client is not None  # noqa: S101 - callers check
        raw = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": "application/json"} if raw is not None else {}
        return msgspec.json.decode(self._client.request(method, path, headers=headers, body=raw).body)

    def _vault(self) -> "Vault":
        url = self._session.settings.get("vault")
        if not url:
            raise UsageError("secrets are in a vault: give --vault and --vault-key, or --server of a cluster")
        from midonet.events.vault.factory import open_vault

        vault = open_vault(url, self._session.settings.get("vault_key"))
        self._session.on_exit(vault.close)
        return vault

    def _credentials(self) -> "Credentials":
        from midonet.events.vault.credentials import Credentials

        return Credentials(self._vault())


def _own(name: str) -> str:
    from midonet.events.vault.credentials import own_name

    return own_name(name)
