"""Acceptance stories, each told through the public API alone."""
