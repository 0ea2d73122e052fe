"""What leaves the machine: what is versioned and pushed, the archive, and what may not be shared."""
