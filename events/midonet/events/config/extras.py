"""The extras of the package: which of their requirements are not installed.

Source: the metadata of the installed distribution (Core metadata specification 2.1, Requires-Dist).
"""

import re
from importlib import metadata

from midonet.events.errors import Misconfigured

_REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*).*;.*\bextra\s*==\s*['\"]([^'\"]+)['\"]")


def require_extra(extra: str) -> None:
    """Return if all requirements of an extra are installed; `Misconfigured` names those that are not."""
    missing = [name for name in _requirements(extra) if not _installed(name)]
    if missing:
        raise Misconfigured(
            f"{', '.join(missing)} not installed; run: pip install 'midonet[{extra}]'", extra=extra, missing=missing
        )


def missing_package(error: ModuleNotFoundError) -> Misconfigured | None:
    """Return the error of a module that an extra would have installed; None for a module of this project."""
    module = (error.name or "").partition(".")[0]
    if module in ("", "midonet"):
        return None
    return Misconfigured(f"the Python module {module} is not installed; run: pip install 'midonet[all]'", module=module)


def _requirements(extra: str) -> list[str]:
    found = (_REQUIREMENT.match(line) for line in metadata.requires("midonet") or ())
    return [match[1] for match in found if match is not None and match[2] == extra]


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
