"""`midoctl verify`: check the hash chain and the events of the log."""

import re
from collections.abc import Sequence

import click

from midonet.cli.framework.command import command
from midonet.cli.output.progress import progress
from midonet.cli.session.session import Session
from midonet.events.commit import GENESIS, Head
from midonet.events.errors import UsageError, VerificationFailed
from midonet.events.log import Log
from midonet.events.log.verification import Verified, before, verified

_HASH = re.compile(r"[0-9a-fA-F]{64}")
_DIGITS = 18


@command(
    "verify",
    click.Option(["--from", "start"], metavar="X", help="Only from this position, time or tag on."),
    click.Option(
        ["--has", "anchors"],
        metavar="POSITION:HASH",
        multiple=True,
        help="The log must hold this commit, as `head` printed it once (repeatable).",
    ),
    examples="""  midoctl verify -o json
  midoctl verify --has 42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08""",
)
def verify(session: Session, start: str | None, anchors: Sequence[str]) -> None:
    """Check the hash chain of the log, and that every event fits; exit 7 if not.

    Old values in events must match the state before them, and tags must hold the hashes of their commits. The error
    names the first invalid position, and why. Times that run backwards or are in the future are reported, but are no
    error. With --from the commits before it are not checked. A log that was
    truncated or rewritten as a whole has a valid chain: --has compares it with a hash that was recorded elsewhere.
    """
    wanted = [_anchor(text) for text in anchors]
    log = session.log.open()
    after = before(log, session.state.parse_moment(start)) if start is not None else GENESIS
    with progress("verifying", log.head().position - after.position) as advance:
        found = verified(log, after, advance)
    for anchor in wanted:
        _check_anchor(log, anchor)
    session.output.print(
        found,
        names=lambda: [str(found.position)],
        text=lambda: (
            f"commits verified: {found.count:,}; foreign records skipped: {found.skipped:,}; "
            f"the log ends at position {found.position}, hash {found.hash}{_times(found)}"
        ),
    )


def _times(found: Verified) -> str:
    if found.untrusted_time is None:
        return ""
    return f"\ntimes are not trustworthy from position {found.untrusted_time:,} on: a clock was wrong, so use positions"


def _anchor(text: str) -> Head:
    position, colon, digest = text.partition(":")
    if not (
        colon and position.isascii() and position.isdigit() and len(position) <= _DIGITS and _HASH.fullmatch(digest)
    ):
        raise UsageError(f"--has {text!r} is not of the form POSITION:HASH", option="has")
    return Head(int(position), digest.lower(), "")


def _check_anchor(log: Log, anchor: Head) -> None:
    """Check that the log holds a commit that was recorded elsewhere, and so all before it."""
    end = log.head().position
    if anchor.position > end:
        trouble = f"the log ends at position {end}, but it has had position {anchor.position}"
        raise VerificationFailed(trouble, position=end + 1, expected=anchor.hash)
    found = log.head_at(anchor.position).hash
    if found != anchor.hash:
        trouble = f"commit {anchor.position} has hash {found}, expected {anchor.hash}"
        raise VerificationFailed(trouble, position=anchor.position, expected=anchor.hash)
