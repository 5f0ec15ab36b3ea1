"""Change one key of the configuration file: all other lines stay as they are, comments included."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from midonet.cli.output.atomic_file import atomic_write
from midonet.events.errors import MidonetError, UsageError
from midonet.events.strict_yaml import parse

Keys = Sequence[str]


def change_file(path: str, changes: Mapping[tuple[str, ...], str | None]) -> None:
    """Set keys of a file, each a path of mappings, or remove those of None; the file is made if it is missing.

    The new file is complete or the old one stays; only its owner reads it. Raises `UsageError`.
    """
    target = os.path.realpath(path)
    try:
        text = Path(target).read_text() if Path(target).exists() else ""
        Path(target).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", file=path) from None
    for keys, value in changes.items():
        text = changed(text, keys, value)
    with atomic_write(target) as file:
        file.write(text.encode())


def changed(text: str, keys: Keys, value: str | None) -> str:
    """Return YAML text with one key set, or removed; of a layout that cannot be kept, all of it in block style."""
    wanted = _value(text)
    _set(wanted, keys, value)
    edited = _edited(text, keys, value)
    try:
        same = _plain(_value(edited)) == _plain(wanted)
    except MidonetError:
        same = False
    return edited if same else yaml.safe_dump(_plain(wanted), sort_keys=False, allow_unicode=True)


def _value(text: str) -> dict[str, Any]:
    found: dict[str, Any] = (parse("", text.encode()) or [{}])[0]
    return found


def _plain(value: Any) -> Any:
    """Return the value with None for what is empty: a key whose block lost its last line."""
    return {key: _plain(each) for key, each in value.items()} or None if isinstance(value, dict) else value


def _set(mapping: dict[str, Any], keys: Keys, value: str | None) -> None:
    for key in keys[:-1]:
        mapping[key] = mapping.get(key) or {}
        mapping = mapping[key]
    if value is None:
        mapping.pop(keys[-1], None)
    else:
        mapping[keys[-1]] = value


def _edited(text: str, keys: Keys, value: str | None) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    begin, end, indent, rest = _place(yaml.compose(text, yaml.SafeLoader), keys, len(lines))
    lines[begin:end] = _block(rest, value, indent)
    return "".join(lines)


def _place(node: yaml.Node | None, keys: Keys, end: int, indent: int = 0) -> tuple[int, int, int, Keys]:
    """Return which lines to replace, their indentation, and the keys to write there; `end`: where a new key goes."""
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return end, end, indent, keys
    indent = node.start_mark.column
    for key, child in node.value:
        if key.value != keys[0]:
            continue
        after = _last_line(child) + 1
        if len(keys) > 1 and isinstance(child, yaml.MappingNode) and child.value and not child.flow_style:
            return _place(child, keys[1:], after)
        return key.start_mark.line, after, indent, keys
    last = _last_line(node) + 1
    return last, last, indent, keys


def _last_line(node: yaml.Node) -> int:
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line - 1 if mark.column == 0 and mark.line > node.start_mark.line else mark.line)


def _block(keys: Keys, value: str | None, indent: int) -> list[str]:
    """Return the lines of a key, below those that lead to it."""
    if value is None:
        return []
    nested: Any = value
    for key in reversed(keys):
        nested = {key: nested}
    dumped = yaml.safe_dump(nested, sort_keys=False, allow_unicode=True, width=10_000)
    return [" " * indent + line for line in dumped.splitlines(keepends=True)]
