"""The pages on which people choose and buy."""
