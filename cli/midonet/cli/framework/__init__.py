"""Common parts of commands: classes, errors, completion."""
