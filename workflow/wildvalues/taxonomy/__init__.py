"""Merging, grouping and naming of values."""
