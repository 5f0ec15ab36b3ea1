"""The operations as a page for people: the OpenAPI document in short, one page that loads nothing else. Pure.

It says what there is and with which parameters; bodies and answers are in the document itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from midonet.services.api.framework.operation import Operation
from midonet.services.api.framework.parameters import Parameter

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
summary { cursor: pointer; padding: .15rem 0; } code, b { font-family: ui-monospace, monospace; }
b { display: inline-block; min-width: 4.5rem; } td { padding: .1rem .8rem .1rem 0; vertical-align: top; }
details { border-bottom: 1px solid #8884; } details > *:not(summary) { margin-left: 4.6rem; }
:root { color-scheme: light dark; }
"""


def leaflet(operations: Iterable[Operation], document: Mapping[str, Any]) -> bytes:
    """Return the page as HTML; `document` is the OpenAPI document of the same operations."""
    info = document["info"]
    ordered = sorted(operations, key=lambda one: (one.tag, one.path, one.method))
    parts = [_part(tag, list(group)) for tag, group in groupby(ordered, key=lambda one: one.tag)]
    about = "".join(f"<p>{escape(text)}</p>" for text in str(info["description"]).split("\n\n"))
    title = f"{escape(info['title'])} {escape(info['version'])}: the API"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1>{about}<p>All of it for programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"{''.join(parts)}</html>\n"
    ).encode()


def _part(tag: str, operations: Sequence[Operation]) -> str:
    return f"<h2>{escape(tag)}</h2>{''.join(map(_operation, operations))}"


def _operation(one: Operation) -> str:
    head = f"<summary><b>{one.method}</b> <code>{escape(one.path)}</code> {escape(one.help)}</summary>"
    return f"<details>{head}{''.join(_below(one))}</details>"


def _below(one: Operation) -> Iterator[str]:
    if one.body is not None:
        yield f"<p>Body: {escape(', '.join(one.body.content))}</p>"
    if one.parameters:
        yield f"<table>{''.join(map(_row, one.parameters))}</table>"
    yield f"<p>Answers: {', '.join(str(int(status)) for status in sorted({*one.replies, *one.errors}))}</p>"


def _row(one: Parameter) -> str:
    needed = ", needed" if one.required else ""
    return f"<tr><td><code>{escape(one.name)}</code><td>{escape(one.place)}{needed}<td>{escape(one.help)}</tr>"
