"""The terminal: one file a command, named after the word you type."""
