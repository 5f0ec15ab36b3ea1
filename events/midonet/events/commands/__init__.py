"""The write side: commands, and how they become events (pure)."""
