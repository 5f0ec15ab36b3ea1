"""What drives every projection: from the log to its target."""
