"""Figures about credits."""
