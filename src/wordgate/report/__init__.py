"""What was found, as pages with pictures: one file each, no script, nothing fetched."""
