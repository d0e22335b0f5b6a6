"""What developers have to try services, where credits belong to a team."""

import pytest

from quickscale_credits.testing import assert_balance
from quickscale_services import BaseService
from quickscale_services.testing import run_service
from quickscale_services.validating import validate
from tests.projects.teams.models import Team

pytestmark = pytest.mark.django_db


class Named(BaseService):
    name = "named"
    title = "Named"
    description = "Says who pays."
    cost = 2

    def execute(self, data, context):
        return type(context.owner).__name__


def test_run_service_makes_a_team_if_none_is_given():
    assert run_service(Named).output == "Team"
    assert_balance(Team.objects.get(), 0)


def test_a_service_is_validated_with_a_team_that_is_gone_afterwards():
    assert validate(Named()).problems == []
    assert Team.objects.count() == 0
