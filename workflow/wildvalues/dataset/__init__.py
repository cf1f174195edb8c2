"""What the open dataset is made of: the study's two views, the card, the dictionary, Croissant, checksums."""
