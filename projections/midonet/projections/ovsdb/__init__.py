"""A small OVSDB client (RFC 7047), several times faster than the pure-Python IDL of the `ovs` package."""

from midonet.projections.ovsdb.client import CALL_SECONDS, PROBE_SECONDS, Answer, Client
from midonet.projections.ovsdb.connect import Address
from midonet.projections.ovsdb.replica import Replica, Row, RowChange
from midonet.projections.ovsdb.schema import check_schema
from midonet.projections.ovsdb.values import (
    decode_map,
    decode_ref,
    decode_set,
    encode_map,
    encode_set,
    named_ref,
    ref,
)

__all__ = [
    "CALL_SECONDS",
    "PROBE_SECONDS",
    "Address",
    "Answer",
    "Client",
    "Replica",
    "Row",
    "RowChange",
    "check_schema",
    "decode_map",
    "decode_ref",
    "decode_set",
    "encode_map",
    "encode_set",
    "named_ref",
    "ref",
]
