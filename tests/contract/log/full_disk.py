"""A process whose files may not grow beyond a limit: appends until it is told that it cannot, and reports.

full_disk.py URL
"""

import json
import resource
import sys

from commits import commit, head_of

from midonet.events.commit import GENESIS
from midonet.events.errors import Unavailable
from midonet.events.log import open_log

LIMIT = 256 * 1024


def main(url: str) -> None:
    """Print how many commits were acknowledged, and the error that followed."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    log, head, acknowledged = open_log(url), GENESIS, 0
    try:
        while True:
            raw = commit(head, reason="x" * 10_000)
            acknowledged += log.append(head, [raw])
            head = head_of(head, raw)
    except Unavailable as error:
        print(json.dumps({"acknowledged": acknowledged, "message": error.message}))  # noqa: T201 (the parent reads it)


if __name__ == "__main__":
    main(*sys.argv[1:])
