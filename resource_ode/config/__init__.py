"""Files that users write: scenarios, in TOML."""
