"""Database servers for tests: those that the environment names, else our own in temporary folders, from what is installed."""
