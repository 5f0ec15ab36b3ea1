"""The topology model, its commands and events, and the log that they live on."""
