"""Tables as wide as the terminal, one line per row, coloured unless NO_COLOR is set (https://no-color.org).

Cells that do not fit are cut; a long text in the last column continues on the next lines.
"""

import os
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_GAP = "  "
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_FRACTION = re.compile(r"(?<=T\d\d:\d\d:\d\d)\.\d+Z$")
"""Fraction of a second, which is left out where the table would not fit."""
_NARROW = 10
"""Characters below which a column is hidden rather than cut."""
_WRAPPED = 24
"""Width of the last column from which on a long text is wrapped rather than cut."""
_STATES = ("state", "status", "alive", "active", "admin state up", "connected", "connection", "mapping status")
"""Columns with states, which are coloured."""
_WORDS = {
    "green": ("live", "true", "yes", "up", "active", "alive", "running", "connected"),
    "yellow": ("catching-up", "rebuilding", "paused", "starting", "stopping", "standby", "no link", "connecting"),
    "bold red": ("stalled", "parked", "false", "no", "down", "dead", "inactive", "error", "failed", "disconnected"),
}
_STYLES = {word: style for style, words in _WORDS.items() for word in words}


def card(rows: Sequence[Sequence[str]]) -> str:
    """Return names with their values; a long value is wrapped."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(row[0], Text(row[1], _style(row[0].replace("_", " "), row[1])))
    return _rendered(table)


def listed(headers: Sequence[str], rows: Sequence[Sequence[str]], keep: int) -> str:
    """Return a table of one line per row; the first `keep` columns are never hidden."""
    natural = _natural(headers, rows)
    if _total(natural) > _width():
        rows = [[_FRACTION.sub("Z", cell) for cell in row] for row in rows]
        natural = _natural(headers, rows)
    times = [any(_TIME.fullmatch(row[column]) for row in rows) for column in range(len(headers))]
    widths = _fitted(natural, [width if time else 1 for width, time in zip(natural, times, strict=True)], keep)
    lines = [_line(headers, widths, ["bold"] * len(widths)), Text(_GAP.join("─" * width for width in widths), "dim")]
    lines += [line for row in rows for line in _lines(headers, row, widths)]
    if hidden := headers[len(widths) :]:
        lines.append(Text(f"hidden columns: {', '.join(hidden)}", "dim", overflow="fold"))
    return _rendered(Text("\n").join(lines))


def _natural(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(headers, *rows, strict=True)]


def _fitted(natural: Sequence[int], least: Sequence[int], keep: int) -> list[int]:
    """Return the widths of as many columns as fit; the widest are cut first, none below its least width."""
    room, count = _width(), len(natural)
    narrow = [max(low, min(width, _NARROW)) for width, low in zip(natural, least, strict=True)]
    while count > keep and _total(narrow[:count]) > room:
        count -= 1
    widths = [min(width, room) for width in natural[:count]]
    while _total(widths) > room and (free := [c for c in range(count) if widths[c] > least[c]]):
        widths[max(free, key=lambda column: widths[column])] -= 1
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _line(cells: Sequence[str], widths: Sequence[int], styles: Sequence[str]) -> Text:
    parts = [_cut(cell, width, style) for cell, width, style in zip(cells, widths, styles, strict=False)]
    line = Text(_GAP).join(parts)
    line.rstrip()
    return line


def _lines(headers: Sequence[str], row: Sequence[str], widths: Sequence[int]) -> Iterator[Text]:
    """Yield the lines of a row; a long text in the last column is wrapped if that is wide enough."""
    last, room = row[len(widths) - 1], widths[-1]
    rest = (wrap(last, room) if room >= _WRAPPED and cell_len(last) > room else []) or [last]
    styles = [_style(header, cell) for header, cell in zip(headers, row, strict=True)]
    yield _line([*row[: len(widths) - 1], rest[0]], widths, styles)
    for more in rest[1:]:
        yield _line([*[""] * (len(widths) - 1), more], widths, styles)


def _cut(cell: str, width: int, style: str) -> Text:
    text = cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
    return Text(set_cell_size(text, width), style)


def _style(header: str, cell: str) -> str:
    """Return the style of a cell: states by their value, `none` dim."""
    if header in _STATES:
        return _STYLES.get(cell.lower(), "")
    return "dim" if cell == "none" else ""


def _width() -> int:
    return Console().width


def _rendered(what: RenderableType) -> str:
    screen = StringIO()
    coloured = not os.environ.get("NO_COLOR")
    console = Console(file=screen, width=_width(), force_terminal=coloured, legacy_windows=False)
    console.print(what, highlight=False)
    return "\n".join(line.rstrip() for line in screen.getvalue().rstrip("\n").split("\n"))
