"""The texts of `midoctl help TOPIC`."""

from collections.abc import Mapping

TOPICS: Mapping[str, tuple[str, str]] = {
    "refs": (
        "references to objects",
        """A REF names an object. It is one of

  6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01   its id
  6f3f3e0a                               the first 8 or more characters of its id
  p1                                     its name
  web/p1                                 its name below that of its parent
  @2                                     in a shell: the second of the last list

A name need not be unique. If it matches several objects, the command fails and lists them. `history`, `blame`
and `log --object` search all kinds, also deleted objects, and accept KIND/REF: port/web/p1.""",
    ),
    "moments": (
        "points in the history",
        """A moment (X in --at X, --since X, diff X X, --until X) is one of

  42                            a position of the log: after commit 42; 0 is the empty log
  2026-01-31T12:00:00Z          a time (RFC 3339, with its zone): after the last commit up to that time
  before-upgrade                a tag, created by `midoctl tag before-upgrade`

Reads take --at X and then show the state as of X: list, show, export, head, log, history, blame, tag list.
Examples:

  midoctl port list --at before-upgrade
  midoctl diff 2026-01-31T12:00:00Z
  midoctl log --since before-upgrade --until 120""",
    ),
    "filters": (
        "filters, order and pages of lists",
        """`list` takes several --filter; an object must match all. Quote characters that the shell interprets.

  --filter tenant=acme          the field has that value; references by name or id
  --filter tenant!=acme         it has another value, or none
  --filter tenant=              it has no value
  --filter tenant!=             it has any value
  --filter 'weight>=100'        numbers: <, <=, >, >=
  --filter 'name~web*'          the text in tables matches the pattern: * and ?
  --filter members.host=hv1     a part of a structure has that value

A list field matches each of its elements. --sort FIELD sorts (-FIELD: descending), --fields A,B chooses the fields,
--limit N and --after REF page. `midoctl describe KIND` lists the fields.""",
    ),
    "tenants": (
        "tenants of objects",
        """Bridges, routers, chains, port groups and QoS policies have a tenant; their parts belong to the same tenant.
The tenant is a label: `tenant` objects are optional. Once there is one, `create` and `set` accept only tenants that
have an object; --create-tenant creates it in the same commit.

If a tenant is selected, `list` shows only its objects (and shared ones), and `create` assigns objects to it. Select it
with `midoctl --tenant acme …`, MIDOCTL_TENANT, `tenant:` in the configuration file, or `sett acme` in a shell (`cleart`
clears it). `list --all-tenants` shows all objects; `create --tenant other` overrides it for one object. It has no
other effect: `apply` uses the tenants in its files, and the selection is not access control.""",
    ),
    "values": (
        "values of fields",
        """  --admin-state-up, --no-admin-state-up, --admin-state-up false       yes or no
  --addresses 10.0.0.1/24,10.0.1.1/24                                 a list: with commas, or repeat the option
  --members host=hv1,address=172.16.0.1                               a structure: part=value with commas
  --condition '{"nw_proto": "tcp", "in_ports": ["web/p1"]}'           the same as JSON
  --nat-targets 192.0.2.1:1024-2048                                   a short form, for some structures

Setting a list replaces it; verbs such as `tunnel-zone add-member` and `port-group add-port` change one element.
`clear` resets a field to its default. Field names have hyphens in options and underscores in JSON, YAML and filters;
both are accepted.""",
    ),
    "settings": (
        "options, variables and configuration file",
        """Every option of a command is also an environment variable: --dry-run is MIDOCTL_DRY_RUN=1. The options that
`midoctl --help` lists, and --wait, can also be set in a YAML file, ~/.config/midoctl/config.yaml or --config FILE:

  server: kafka://k1:9092,k2:9092/midonet.topology
  zookeeper: zk1:2181,zk2:2181
  wait: [nsdb=20]

The command line overrides the environment, the environment the context in use (`midoctl help contexts`), and the
context the other lines of the file. Give database passwords in
the environment (PGPASSWORD), never on a command line.""",
    ),
    "contexts": (
        "several clusters: contexts",
        """A context names a cluster in the configuration file: its address, ZooKeeper servers, your tenant and account.

  midoctl config set-context lab --server sqlite:///lab.db --tenant acme
  midoctl config set-context prod --server https://node1:8181,node2:8181 --user ann
  midoctl config use-context prod
  midoctl --context lab bridge list
  midoctl config delete-context prod
  midoctl config delete-context lab

--context NAME or MIDOCTL_CONTEXT chooses one for a command, --context '' none. The context in use does not apply to
a command whose --server or MIDOCTL_SERVER names another log: its accounts and views belong to its own cluster. With
an explicit --context each option that is given replaces the one of the context. A context refers to files of tokens
and keys and holds no secret itself; `midoctl login` keeps one token for each account.""",
    ),
    "forms": (
        "output formats",
        """  -o table   for people: as wide as the terminal, coloured there unless NO_COLOR is set; plain in a pipe
  -o json    for programs: stable for `show`, `list` and writes
  -o yaml    the same data as YAML
  -o name    names (ids of unnamed objects), one per line, for scripts

Data goes to standard output, messages go to standard error. With -o json an error is one line
{"error": {"code", "message", "details"}}.""",
    ),
    "shell": (
        "the shell and files of commands",
        """`midoctl shell` runs commands, written as after `midoctl`, one per line; # begins a comment. It keeps the
log open, so a command takes milliseconds. Options of the shell apply to every line:
midoctl -m "ticket 7" shell.

On a terminal there is a prompt with completion (TAB) and history (arrows). Lines of a file (-f FILE), of a pipe or on
the command line are run until one fails, or all of them with --keep-going:

  midoctl shell -e "host list" -e "bridge list"

Commands of the shell itself:

  sett TENANT, cleart     select a tenant, or none (see `midoctl help tenants`)
  @1, @2 …                on a terminal: the objects of the last list, in its order
  exit, quit              end the shell, as Ctrl-D; Ctrl-C cancels the line or the running command

Typed lines are recorded in ~/.local/state/midoctl/history, except lines with passwords in URLs and lines that begin
with a blank. Each line is a separate commit; use a file and `midoctl apply` for one commit.""",
    ),
    "exit-codes": (
        "exit codes",
        """  0    success
  1    internal error
  2    usage error
  3    rejected: invalid value, conflict, in use, head moved; nothing was changed
  4    not found
  5    log or server unavailable
  6    time-out of a wait; written changes remain
  7    verification or comparison failed
  130  interrupted

With -o json an error has a more specific code: `head-moved`, `in-use`, `outcome-unknown` and so on; the `reason` of a
refusal is one of the codes in docs/model.md.""",
    ),
}
