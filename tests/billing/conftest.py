"""Fixtures of billing: what is sold."""
