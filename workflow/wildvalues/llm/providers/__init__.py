"""The ways to reach a language model."""
