import logging

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from inkwell.contact.forms import ContactForm
from inkwell.contact.limits import may_write
from inkwell.pages.sending import is_repeated

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def write(request):
    form = ContactForm(request.POST or None, initial={"email": getattr(request.user, "email", "")})
    if request.method == "POST" and form.is_valid():
        if form.is_from_a_program or is_repeated(request):
            return redirect("contact:thanks")
        if not may_write(request):
            form.add_error(None, _("You have written several times within the hour. Please try again later."))
        elif sent(form):
            return redirect("contact:thanks")
        else:
            messages.error(request, _("Your message could not be sent now. It is still below: please try again later."))
    return render(request, "contact/write.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
def thanks(request):
    return render(request, "contact/thanks.html")


def sent(form):
    try:
        form.send()
    except OSError:
        logger.exception("A message from the contact page could not be sent.")
        return False
    return True
