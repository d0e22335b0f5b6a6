"""Letters about billing: `from quickscale_billing import mail`.

What is announced is written down as a row in the same transaction; after it, a worker or `send_mail` sends it.
"""

from quickscale_billing.mail.readers import Reader
from quickscale_billing.mail.sending import resend, send, send_each
from quickscale_billing.mail.writing import tell

__all__ = ["Reader", "resend", "send", "send_each", "tell"]
