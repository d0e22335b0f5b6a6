from django.http import HttpRequest

from tests.projects.teams.models import Team


def team_of(request: HttpRequest) -> Team | None:
    return Team.objects.filter(members__pk=request.user.pk).first()
