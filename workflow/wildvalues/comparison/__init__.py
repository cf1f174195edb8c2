"""Two trees of values beside each other: another run, another model, another study."""
