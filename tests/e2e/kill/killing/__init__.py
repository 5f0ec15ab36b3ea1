"""The kill run: commands, processes that die at random moments, and eyes that see whether anything got lost."""
