"""Command line of the kill run: prints a table of the outcome.

Exit status 0 if every check passed, else 7 (contract §2: verification failed).
"""

import argparse
import logging

import msgspec
from rich.console import Console
from rich.table import Table

from killing.fault_injection import Outcome, Plan, run_plan

_VERIFICATION_FAILED = 7
_SHOWN = 20


def main() -> int:
    """Run the plan of the command line and print its outcome."""
    logging.getLogger("kazoo").setLevel(logging.CRITICAL)  # connections break all the time
    plan = _plan()
    console = Console(stderr=True)
    with console.status("starting servers") as status:
        outcome = run_plan(plan, status.update)
    Console().print(_table(plan, outcome))
    for line in outcome.violations[:_SHOWN]:
        Console().print(f"WRONG: {line}", style="red")
    return _VERIFICATION_FAILED if outcome.violations else 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description="Inject random faults and verify that nothing is lost.")
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
        title=f"{plan.kills} faults under {plan.commands} commands, {plan.nodes} nodes on {plan.log}",
    )
    rows = {
        **dict(sorted(outcome.kills.items())),
        "commands acknowledged": outcome.acknowledged,
        "commits in the log": outcome.commits,
        "records that are not commits": outcome.records - outcome.commits,
        **{f"writer retries: {reason}": number for reason, number in sorted(outcome.retries.items())},
        **{f"samples of {view}": number for view, number in outcome.samples.items()},
        **outcome.reads,
        "repairs": outcome.repairs,
        "seconds": round(outcome.seconds),
        "violations": len(outcome.violations),
    }
    for what, number in rows.items():
        table.add_row(what, str(number))
    return table
