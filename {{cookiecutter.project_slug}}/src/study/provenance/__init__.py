"""What was made of what: the records of Snakemake, the pointers of DVC, and the RO-Crate."""
