"""Pages and mail in the language and the time of their reader, where they have chosen them."""

import zoneinfo

from django.utils import timezone, translation

from quickscale_billing import mail


def their_language_and_time(get_response):
    def middleware(request):
        user = request.user
        if not user.is_authenticated or not (user.language or user.time_zone):
            return get_response(request)
        with translation.override(user.language or translation.get_language()), timezone.override(zone_of(user)):
            response = get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language())
            return response

    return middleware


def zone_of(user):
    """None for the site's own; also where the zone that was chosen once is not known any more."""
    try:
        return zoneinfo.ZoneInfo(user.time_zone) if user.time_zone else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None


def reader_of(user):
    """`QUICKSCALE_BILLING["MAIL_READER"]`."""
    return mail.Reader(to=[user.email], language=user.language, time_zone=str(zone_of(user) or ""))
