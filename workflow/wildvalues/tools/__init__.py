"""Subcommands that are no stage."""
