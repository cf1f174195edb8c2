"""Finding and masking personal data in text, by rules that need no network."""
