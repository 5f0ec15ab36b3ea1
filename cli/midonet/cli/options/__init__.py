"""The shared options and the configuration file."""
