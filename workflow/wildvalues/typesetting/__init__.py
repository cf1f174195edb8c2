"""From tables to LaTeX: numbers as macros, tables, captions, and the run of LaTeX itself."""
