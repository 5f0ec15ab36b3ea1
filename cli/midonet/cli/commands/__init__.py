"""The commands; a file is named as the command is typed."""
