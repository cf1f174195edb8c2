"""What the provenance record is made of: parameters fit to publish, software, models, and the RO-Crate."""
