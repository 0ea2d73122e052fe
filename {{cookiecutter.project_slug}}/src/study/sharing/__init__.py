"""What leaves the machine: the archive, and what a study that may not share its texts keeps back."""
