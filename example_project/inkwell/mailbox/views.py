"""Shows every mail to everybody: reachable in the demo alone."""

from django.views.generic import DetailView, ListView

from inkwell.mailbox.models import Mail


class MailList(ListView):
    model = Mail
    paginate_by = 50


class MailDetail(DetailView):
    model = Mail
