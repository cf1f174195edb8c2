"""What the static page is made of: the data in chunks, the template, the styles and the scripts."""
