"""When the certificates that a node uses expire, read from their files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ENDS = ("_cert", "_ca")


def certificate_expiries(settings: Any) -> Mapping[str, float]:
    """Return for each setting that names certificates when the first one expires; unreadable files are omitted."""
    names = [name for name in settings.__struct_fields__ if name.endswith(_ENDS)]
    files = {name: file for name in names if (file := getattr(settings, name)) is not None}
    return {name: expiry for name, file in files.items() if (expiry := _first_expiry(Path(file))) is not None}


def _first_expiry(file: Path) -> float | None:
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return None
    return min(certificate.not_valid_after_utc.timestamp() for certificate in found)
