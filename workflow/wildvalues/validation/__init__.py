"""The instrument held against gold labels: reading the labels, comparing each facet."""
