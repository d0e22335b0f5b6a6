from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from inkwell.notices.models import Notice


class NoticeList(LoginRequiredMixin, ListView):
    template_name = "notices/list.html"
    paginate_by = 50

    def get_queryset(self):
        return Notice.objects.filter(user=self.request.user)


@login_required
@require_POST
def mark_read(request):
    Notice.objects.filter(user=request.user, read_at=None).update(read_at=timezone.now())
    return redirect("notices:list")
