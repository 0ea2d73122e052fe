"""The bridge between the study's code, Snakemake, DVC and git; no other part of it knows any of them."""
