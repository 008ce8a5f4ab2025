"""What is measured on a GPU, in pieces that each are worth having: `run.sh`, and README.md beside it."""
