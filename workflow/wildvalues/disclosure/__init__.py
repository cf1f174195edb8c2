"""The gate between private and published tables: thresholds, complementary suppression, text rules, rounding.

What counts as disclosed is a *number of conversations or users below the threshold, or the text of a value below
it*. A missing row means "fewer than the threshold, none included": a zero counts nobody, but publishing it would
say that the other missing cells of its line are not zero, so zeros are withheld like small counts. That a
conversation lacks a value (n_base - n_conversations) is not treated as something about it, and totals of the
process (the pipeline's numbers, the n of each facet) are public.
"""
