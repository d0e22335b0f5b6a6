from django.utils.functional import SimpleLazyObject

from inkwell.notices.models import Notice


def unread(request):
    """How many notices wait; asked of the database only by a page that shows it."""

    def count():
        user = getattr(request, "user", None)
        is_somebody = user is not None and user.is_authenticated
        return Notice.objects.filter(user=user, read_at=None).count() if is_somebody else 0

    return {"unread_notices": SimpleLazyObject(count)}
