"""How far a tree of values can be trusted: what it is made of, and what of it stays when chance and choices differ."""
