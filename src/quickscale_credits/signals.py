"""Sent by `send_robust` after commit, with `account` and, where there is one, `entry` or `hold`.

`credits_insufficient` is sent at once, with `owner`, `required` and `available`: nothing was written. `account_closed`
is sent when somebody ends what an account may still cause; what a receiver raises keeps it from being closed.
"""

from django.dispatch import Signal

credits_granted = Signal(use_caching=True)
credits_spent = Signal(use_caching=True)
credits_reversed = Signal(use_caching=True)
credits_revoked = Signal(use_caching=True)
credits_expired = Signal(use_caching=True)
credits_adjusted = Signal(use_caching=True)
credits_transferred = Signal(use_caching=True)

hold_placed = Signal(use_caching=True)
hold_captured = Signal(use_caching=True)
hold_released = Signal(use_caching=True)

balance_low = Signal(use_caching=True)
balance_depleted = Signal(use_caching=True)
credits_insufficient = Signal(use_caching=True)

account_closed = Signal(use_caching=True)
