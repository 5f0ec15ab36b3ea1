#!/bin/sh
# An emulated VTEP: the database of a switch with two ports, for one management client after the other.
set -eu

db=/var/lib/openvswitch/vtep.db
[ -e "$db" ] || ovsdb-tool create "$db" /usr/share/openvswitch/vtep.ovsschema
mkdir -p /run/openvswitch
ovsdb-server --detach --pidfile --remote=punix:/run/openvswitch/db.sock --remote=ptcp:6632:0.0.0.0 "$db"
vtep-ctl --may-exist add-ps tor1
vtep-ctl set Physical_Switch tor1 tunnel_ips="${TUNNEL_IP:-198.51.100.10}"
vtep-ctl --may-exist add-port tor1 swp1
vtep-ctl --may-exist add-port tor1 swp2
exec tail --pid="$(cat /run/openvswitch/ovsdb-server.pid)" -f /dev/null
