"""The kill run: writers under load, processes killed at random moments, and checks that nothing was lost."""
