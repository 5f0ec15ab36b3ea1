"""Service `hosts`: registers hosts and their state."""
