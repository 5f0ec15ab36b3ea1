"""The command group of one kind: the only module that imports all commands of kinds."""

from midonet.cli.catalog.kinds import KIND_HELP
from midonet.cli.commands.objects import (
    clear_command,
    create_command,
    delete_command,
    list_command,
    set_command,
    show_command,
)
from midonet.cli.framework.command import Group, short_helps
from midonet.events.model import kind_of


def kind_group(name: str) -> Group:
    """Return the group of all commands on one kind."""
    from midonet.cli.commands.describe import describe_kind
    from midonet.cli.commands.verbs import verb_commands

    kind = kind_of(name)
    sections = {
        "Commands": [
            make(kind)
            for make in (
                *(create_command, list_command, show_command, set_command, clear_command, delete_command),
                describe_kind,
            )
        ]
    }
    if name == "host":
        from midonet.cli.commands.host import interfaces

        sections["Facts"] = [interfaces]
    if verbs := verb_commands(name):
        sections["Links"] = verbs
    if name == "vtep":
        from midonet.cli.commands.vtep import status

        sections["State"] = [status]
    commands = {str(one.name): one for section in sections.values() for one in section}
    derived = ["id", *(field for field, spec in kind.fields.items() if spec.derived)]
    return Group(
        name,
        sections={title: short_helps(section) for title, section in sections.items()},
        load=lambda verb: commands[verb],
        help=f"{KIND_HELP[name]}\n\nRead-only fields: {', '.join(derived)}.",
    )
