"""The routes; a file is named after its path below /v1."""
