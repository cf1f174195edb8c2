"""Log formats: one module each, from a file to conversations."""
