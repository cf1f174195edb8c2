"""The result tables of a study, one module a table or family; the arithmetic is in `wildvalues.statistics`."""
