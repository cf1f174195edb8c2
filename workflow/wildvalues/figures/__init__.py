"""Figures: one module each, from published tables to a matplotlib figure."""
