"""Sent by `send_robust` after commit."""
