"""Sent by `send_robust` after commit. Each says once what became true, however often Stripe tells it."""

from django.dispatch import Signal

payment_received = Signal()
"""With `payment`: money arrived."""
payment_failed = Signal()
"""With `invoice`: Stripe could not collect it, once more."""
payment_refunded = Signal()
"""With `refund`: money went back, or is on its way."""
dispute_opened = Signal()
"""With `dispute`; an inquiry is one, too, and one that becomes a dispute is told of again."""
dispute_closed = Signal()
"""With `dispute`; its status tells how it ended."""
subscription_started = Signal()
"""With `subscription`: it began to live."""
subscription_canceled = Signal()
"""With `subscription`: it was decided that it ends, at `ends_at`; it may live until then."""
subscription_ended = Signal()
"""With `subscription`: it lives no more."""
top_up_stopped = Signal()
"""With `auto_top_up`: it buys nothing more, and its `reason` is not that the owner wanted it so."""
