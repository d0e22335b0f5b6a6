"""What the tests of the example's teams share."""

import pytest
from django.core.cache import cache

from tests.projects.inkwell_teams.people import person


@pytest.fixture(autouse=True)
def forget_limits():
    cache.clear()


@pytest.fixture
def ada():
    return person("ada@example.com")
