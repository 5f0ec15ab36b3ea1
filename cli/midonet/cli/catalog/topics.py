"""What `midoctl help TOPIC` says about things that many commands share."""

from collections.abc import Mapping

TOPICS: Mapping[str, tuple[str, str]] = {
    "refs": (
        "how objects are named",
        """A REF names an object. It is one of

  6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01   its id
  6f3f3e0a                               the first 8 or more characters of its id
  p1                                     its name
  web/p1                                 its name below that of what it is a part of
  @2                                     in a shell: the second of the last list

A name need not be unique. Where it fits several objects, the error lists them, and nothing is done. `history`, `blame`
and `log --object` look among all kinds, deleted objects included; there also KIND/REF is understood: port/web/p1.""",
    ),
    "moments": (
        "how a point of the history is named",
        """A moment (X in --at X, --since X, diff X X, --until X) is one of

  42                            a position of the log: after commit 42; 0 is the empty log
  2026-01-31T12:00:00Z          a time (RFC 3339, with its zone): after the last commit up to then
  before-upgrade                a tag, which `midoctl tag before-upgrade` made

Every read takes --at X and then answers as it would have then: list, show, export, head, log, history, blame, tag list.
Examples:

  midoctl port list --at before-upgrade
  midoctl diff 2026-01-31T12:00:00Z
  midoctl log --since before-upgrade --until 120""",
    ),
    "filters": (
        "what lists are asked for",
        """`list` takes --filter as often as needed; all must hold. Quote signs that a shell takes for its own.

  --filter tenant=acme          the field has that value; references by name or id
  --filter tenant!=acme         it has another one, or none
  --filter tenant=              it has none
  --filter tenant!=             it has one, whatever it is
  --filter 'weight>=100'        a number compares so: <, <=, >, >=
  --filter 'name~web*'          what a table shows fits the pattern: * and ?
  --filter members.host=hv1     some member has it: a part of a structure

A list field equals what it contains. --sort FIELD orders (-FIELD: the other way round), --fields A,B chooses what is
shown, --limit N and --after REF page. `midoctl describe KIND` says which fields there are.""",
    ),
    "tenants": (
        "whose objects are",
        """Bridges, routers, chains, port groups and QoS policies name a tenant; their parts are whose they are.
It is a label: a `tenant` object of that name may say more about it, and need not be there.

With a chosen tenant, `list` shows only what is its (or shared with all), and `create` makes it its. It is chosen by
`midoctl --tenant acme …`, MIDOCTL_TENANT, `tenant:` in the configuration file, or `sett acme` in a shell (`cleart`
ends that). `list --all-tenants` shows everything; `create --tenant other` decides for one object. Nothing else depends
on it: files say whose objects are, and it is no protection.""",
    ),
    "values": (
        "how values of fields are written",
        """  --admin-state-up, --no-admin-state-up, --admin-state-up false       yes or no
  --addresses 10.0.0.1/24,10.0.1.1/24                                 a list: with commas, or the option again
  --members host=hv1,address=172.16.0.1                               a structure: part=value with commas
  --condition '{"nw_proto": "tcp", "in_ports": ["web/p1"]}'           the same as JSON
  --nat-targets 192.0.2.1:1024-2048                                   the short form of a few

Setting a list replaces it; the links (`tunnel-zone add-member`, `port-group add-port` …) change one element. `clear`
takes a field back to its default. Names are written with hyphens in options and with underscores in JSON, YAML and
filters; either is understood.""",
    ),
    "settings": (
        "where options may come from",
        """Every option of a command is also an environment variable: --dry-run is MIDOCTL_DRY_RUN=1. The options that
`midoctl --help` lists, and --wait, also stand in a YAML file, ~/.config/midoctl/config.yaml or --config FILE:

  server: kafka://k1:9092,k2:9092/midonet.topology
  zookeeper: zk1:2181,zk2:2181
  wait: [nsdb=20]

The command line goes before the environment, that before the file. Passwords of databases belong into their own
environment (PGPASSWORD) and never into a command line.""",
    ),
    "forms": (
        "what output looks like",
        """  -o table   for people: as wide as the terminal, coloured there unless NO_COLOR is set; plain in a pipe
  -o json    for programs: what `show`, `list` and writes print is the same in every release
  -o yaml    the same, to be read by both
  -o name    names only (ids of what has none), one per line, for scripts

Data goes to standard output, everything else to standard error. With -o json an error is one line
{"error": {"code", "message", "details"}}.""",
    ),
    "shell": (
        "many commands, one after the other",
        """`midoctl shell` takes commands as they are written after `midoctl`, one per line; # begins a comment. It
keeps the log open, so a command costs milliseconds. Options of the shell hold for every line:
midoctl -m "ticket 7" shell.

At a terminal there is a prompt: TAB completes, arrows recall. Lines of a file (-f FILE), of a pipe or on the command
line are run until one fails, or all of them with --keep-going:

  midoctl shell -e "host list" -e "bridge list"

Words of its own:

  sett TENANT, cleart     choose a tenant, or none (see `midoctl help tenants`)
  @1, @2 …                at a terminal: the objects of the last list, in its order
  exit, quit              leave, as Ctrl-D does; Ctrl-C ends the line or the command that runs

What was typed is remembered in ~/.local/state/midoctl/history, but for lines with passwords in URLs and lines that
begin with a blank. Each line is a commit of its own; what is to be done as a whole is a file for `midoctl apply`.""",
    ),
    "exit-codes": (
        "how a command tells what became of it",
        """  0    done
  1    internal error
  2    usage
  3    rejected: invalid value, conflict, in use, head moved; nothing was changed
  4    not found
  5    log or server unavailable
  6    waited too long; what was written is written
  7    verification or comparison failed
  130  interrupted

With -o json the code of an error says more: `head-moved`, `in-use`, `outcome-unknown` and so on; the `reason` of a
refusal is one of the words in docs/model.md.""",
    ),
}
