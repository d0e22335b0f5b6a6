"""How accounts differ from what allauth does by itself."""

import logging

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied

from inkwell.accounts.letters import page_of

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    def get_client_ip(self, request):
        """Whom the limits by address count. Where the header is not what our proxies make of it, who connects to us."""
        try:
            return super().get_client_ip(request)
        except (ImproperlyConfigured, PermissionDenied):
            neighbor = request.META.get("REMOTE_ADDR")
            if not neighbor:  # a Unix socket has no address
                raise PermissionDenied from None
            logger.warning("X-Forwarded-For does not have the addresses that TRUSTED_PROXY_COUNT promises.")
            return neighbor

    def render_mail(self, template_prefix, email, context, headers=None):
        letter = super().render_mail(template_prefix, email, context, headers)
        letter.attach_alternative(page_of(letter.subject, letter.body), "text/html")
        return letter
