"""Run the benchmarks and print the results: `run.py [NAME…] [--quick] [--json FILE]`."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from compileall import compile_dir
from importlib import import_module
from pathlib import Path
from statistics import median

import msgspec
from api import api
from bulk import bulk
from commanders import commanders
from commands import batched, single
from failover import failover
from figures import Row, spread
from kafka_log import single_on_kafka
from kinds import kinds
from latency import latency
from long_lists import long_lists
from long_past import as_of, history, show
from memory import memory
from replay import replay
from rich.console import Console
from rich.table import Table
from views import view_writes, views
from vtep_peer import vtep, vtep_drift, vtep_sync

Bench = Callable[..., Iterator[Row]]

BENCHES: Mapping[str, Bench] = {
    "single": single,
    "batched": batched,
    "commanders": commanders,
    "replay": replay,
    "memory": memory,
    "kafka": single_on_kafka,
    "latency": latency,
    "apply": bulk,
    "history": history,
    "as-of": as_of,
    "show": show,
    "long-lists": long_lists,
    "api": api,
    "failover": failover,
    "views": views,
    "kinds": kinds,
    "view-writes": view_writes,
    "vtep": vtep,
    "vtep-sync": vtep_sync,
    "vtep-drift": vtep_drift,
}


def main() -> None:
    """Run what was asked for."""
    options = _options()
    _compile()
    console = Console(width=None if sys.stdout.isatty() else 160)
    rows: list[Row] = []
    for name in options.names or BENCHES:
        with console.status(f"measuring {name} …"):
            rows += BENCHES[name](quick=options.quick)
    console.print(_table(rows))
    for number, row in enumerate((row for row in rows if row.note), 1):
        console.print(f"[{number}] {row.note}", markup=False, highlight=False)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))


def _compile() -> None:
    """Compile all modules, as an installer does; else every process might do so anew, where it may not write."""
    for part in import_module("midonet").__path__:
        compile_dir(part, quiet=1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure, each figure as a ratio to a peer measured in the same run.")
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
    return parser.parse_args()


def _name(text: str) -> str:
    if text not in BENCHES:
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(BENCHES)}")
    return text


def _table(rows: list[Row]) -> Table:
    table = Table()
    for title in ("what", "ours", "peer or limit", "ratio: median (min-max)", "by CPU", "goal", "met"):
        table.add_column(title, justify="left" if title == "what" else "right")
    notes = 0
    for row in rows:
        notes += bool(row.note)
        name = f"{row.name} \\[{notes}]" if row.note else row.name
        cpu = f"{median(row.cpu_ratios):.2f}x" if row.cpu_ratios else ""
        met = {None: "", True: "[green]yes", False: "[red]no"}[row.met]
        table.add_row(name, row.ours, row.peer, spread(row.ratios), cpu, str(row.goal or ""), met)
    return table


if __name__ == "__main__":
    main()
