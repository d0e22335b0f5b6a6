"""For `MIGRATION_MODULES["djstripe"]`: its tables as its models are, in seconds and in one step, on any database.

For tests and throw-away databases only: dj-stripe's own migrations cannot go on from here.
"""
