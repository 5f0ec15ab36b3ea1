"""Clients of an OVSDB server in their own process, so that they do not share the interpreter.

    ovsdb_clients.py HOST PORT CLIENTS COUNT

For every line that comes, each client inserts COUNT logical switches, one transaction after the other; then the number
of all that were inserted is printed.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

from witnesses import BareOvsdb


def insert(address: tuple[str, int], count: int) -> int:
    """Insert rows over one connection; return how many."""
    with closing(BareOvsdb(address)) as connection:
        for _ in range(count):
            row = {"name": str(uuid4())}
            (done,) = connection.transact({"op": "insert", "table": "Logical_Switch", "row": row})
            if "uuid" not in done:
                raise RuntimeError(f"not inserted: {done}")
    return count


def main(host: str, port: str, clients: str, count: str) -> None:
    """Work whenever a line comes."""
    with ThreadPoolExecutor(int(clients)) as pool:
        for _ in sys.stdin:
            done = pool.map(lambda _: insert((host, int(port)), int(count)), range(int(clients)))
            sys.stdout.write(f"{sum(done)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
