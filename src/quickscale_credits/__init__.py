"""Credits for Django: accounts, grants that expire, an append-only ledger and holds."""

__version__ = "0.1.0"
