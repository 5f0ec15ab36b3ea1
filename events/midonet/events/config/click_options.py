"""The settings of a daemon as options of its command line: one for each, and `--config` for the file.

Apart from `midonet.events.config.settings`, which programs without a command line import.
"""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct

from midonet.events.config.settings import declared_settings, load, read_file

S = TypeVar("S", bound=Struct)
R = TypeVar("R")


def with_settings(cls: type[S]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Return a decorator for a command: its function gets the effective settings first, then its own options.

    The options are in the order of declaration; `UsageError` as `load` and `read_file`.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @wraps(function)
        def call(config: str | None, **values: Any) -> R:
            flags = {setting.name: values.pop(setting.name) for setting in declared_settings(cls)}
            path = config or os.environ.get("MIDONET_CONFIG")
            file = read_file(Path(path)) if path else None
            return function(load(cls, flags=flags, environ=os.environ, file=file), **values)

        decorated: Callable[..., R] = call
        for setting in reversed(list(declared_settings(cls))):
            default = f", default {setting.default}" if setting.default is not None else ""
            text = f"{setting.help} [{setting.variable}{default}]"
            decorated = click.option(setting.flag, metavar="VALUE", help=text)(decorated)
        return click.option("--config", metavar="FILE", help="YAML file with settings. [MIDONET_CONFIG]")(decorated)

    return decorate
