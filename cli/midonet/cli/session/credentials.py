"""Tokens of clusters, by address and user, stored in one file that only the user can read; and reading secrets.

A secret comes from a prompt, from standard input or from a file, never from an argument, which other users can see.
"""

import json
import os
import sys
from pathlib import Path

from midonet.cli.options.options import Settings
from midonet.events.api_client import Access, use
from midonet.events.errors import UsageError

_TOKEN = "MIDOCTL_TOKEN"  # noqa: S105 - the name of a variable


def use_credentials(settings: Settings) -> None:
    """Configure authentication of all API clients from the options."""
    use(lambda url: _access(settings, url))


def _access(settings: Settings, url: str) -> Access:
    return Access(_token(settings, url), settings.get("ca"), settings.get("cert"), settings.get("cert_key"))


def _token(settings: Settings, url: str) -> str | None:
    file = settings.get("token_file")
    if file:
        return _checked(_text(Path(file)).strip(), file)
    given = settings.environ.get(_TOKEN, "").strip()
    return _checked(given, _TOKEN) if given else _tokens(settings).get(_account(settings.get("user"), url))


def _checked(token: str, place: str) -> str:
    """Return a token; `UsageError`, which does not quote it, if it cannot be one."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"{place} holds no token: it is one word, as `midoctl user token` prints it")
    return token


def store_token(settings: Settings, url: str, user: str, token: str) -> Path:
    """Store the token of a user at an address, where it also becomes that of commands without `--user`."""
    path = _file(settings)
    _write(path, _tokens(settings) | {_address(url): token, _account(user, url): token})
    return path


def delete_token(settings: Settings, url: str) -> None:
    """Delete the token in use at an address, if there is one."""
    tokens = _tokens(settings)
    token = tokens.get(_account(settings.get("user"), url))
    if token is not None:
        _write(_file(settings), {account: other for account, other in tokens.items() if other != token})


def _account(user: str | None, url: str) -> str:
    return f"{user}@{_address(url)}" if user else _address(url)


def _address(url: str) -> str:
    return url.rstrip("/")


def _file(settings: Settings) -> Path:
    return Path(settings.home) / "tokens.json"


def _tokens(settings: Settings) -> dict[str, str]:
    try:
        found = json.loads(_file(settings).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        found = None
    except OSError as error:
        raise UsageError(f"{_file(settings)}: {error.strerror}") from None
    if not isinstance(found, dict):
        raise UsageError(f"{_file(settings)} holds no tokens; remove it and sign in again")
    return {str(address): str(token) for address, token in found.items()}


def _write(path: Path, tokens: dict[str, str]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(tokens, indent=1, sort_keys=True))
        fresh.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def read_secret(what: str, file: str | None = None, *, twice: bool = False) -> str:
    """Return a secret from a file, from standard input, or from a prompt without echo."""
    if file is not None:
        return _text(Path(file)).rstrip("\r\n")
    if sys.stdin.isatty():
        import click

        typed: str = click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
        return typed
    found = sys.stdin.read().rstrip("\r\n")
    if not found:
        raise UsageError(f"no {what.lower()}: write it to standard input, or type it on a terminal")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", file=str(path)) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", file=str(path)) from None
