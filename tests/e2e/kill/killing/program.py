"""The kill run as a program: from a command line to a table, and a status that says whether all held.

It ends with 0 if all that must hold did, else with 7 (contract §2: verification failed).
"""

import argparse
import logging

import msgspec
from rich.console import Console
from rich.table import Table

from killing.conductor import Outcome, Plan, conduct

__all__ = ["main"]

_VERIFICATION_FAILED = 7
_SHOWN = 20


def main() -> int:
    """Run the plan that the command line gives and print what came of it."""
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # servers go away all the time
    plan = _plan()
    console = Console(stderr=True)
    with console.status("starting servers") as status:
        outcome = conduct(plan, status.update)
    Console().print(_table(plan, outcome))
    for line in outcome.wrong[:_SHOWN]:
        Console().print(f"WRONG: {line}", style="red")
    return _VERIFICATION_FAILED if outcome.wrong else 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description="Kill at random, and look whether anything got lost.")
    for field in msgspec.structs.fields(Plan):
        default = None if field.required else field.default
        choices = ("sqlite", "kafka") if field.name == "log" else None
        parser.add_argument(
            f"--{field.name}", type=field.type, default=default, required=field.required, choices=choices
        )
    return Plan(**vars(parser.parse_args()))


def _table(plan: Plan, outcome: Outcome) -> Table:
    table = Table(
        "what",
        "count",
        title=f"{plan.kills} misfortunes under {plan.commands} commands, {plan.nodes} nodes on {plan.log}",
    )
    rows = {
        **dict(sorted(outcome.kills.items())),
        "commands acknowledged": outcome.acknowledged,
        "commits in the log": outcome.commits,
        "records that are no commits": outcome.records - outcome.commits,
        **{f"writers tried again: {reason}": number for reason, number in sorted(outcome.troubles.items())},
        **{f"looks at {view}": number for view, number in outcome.samples.items()},
        **outcome.looks,
        "repairs": outcome.repairs,
        "seconds": round(outcome.seconds),
        "faults": len(outcome.wrong),
    }
    for what, number in rows.items():
        table.add_row(what, str(number))
    return table
