"""What help texts show for the value of a field."""

from midonet.events.model import FieldSpec

__all__ = ["placeholder"]


def placeholder(spec: FieldSpec) -> str:
    """Return what a help text shows for a value of the field."""
    if spec.choices:
        return "|".join(spec.choices)
    if spec.base is bool:
        return "[true|false]"
    if spec.ref is not None:
        return spec.ref.kind.upper()
    if spec.parts:
        return ",".join(f"{part.name}={placeholder(part)}" for part in spec.parts if part.required) or "PART=VALUE,…"
    return spec.format.name.upper() if spec.format else spec.base.__name__.upper().replace("STR", "TEXT")
