"""What a run holds, how it ended, and its files."""
