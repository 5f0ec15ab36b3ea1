"""The state of the network at one position of the log."""
