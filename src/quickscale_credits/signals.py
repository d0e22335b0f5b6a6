"""Sent by `send_robust` after commit, with `account` and, where there is one, `entry` or `hold`.

`credits_insufficient` is sent at once, with `owner`, `required` and `available`: nothing was written. `account_closed`
is sent when somebody ends what an account may still cause; what a receiver raises keeps it from being closed.
"""

from django.dispatch import Signal

credits_granted = Signal()
credits_spent = Signal()
credits_reversed = Signal()
credits_revoked = Signal()
credits_expired = Signal()
credits_adjusted = Signal()
credits_transferred = Signal()

hold_placed = Signal()
hold_captured = Signal()
hold_released = Signal()

balance_low = Signal()
balance_depleted = Signal()
credits_insufficient = Signal()

account_closed = Signal()
