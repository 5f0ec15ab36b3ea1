"""The operator's command line, midoctl."""
