"""Which of many conditions a packet meets first, and which of its bits show it."""
