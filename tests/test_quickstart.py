"""The quickstart, followed to the letter in a new Django project: it needs nothing that it does not say."""

import pytest

from tests.quickstart import Reader, run

pytestmark = pytest.mark.once

PRINT_THE_BALANCE = """
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount

print(ledger.balance(CreditAccount.objects.get()).total)
"""


def test_the_quickstart_leads_from_a_new_project_to_a_charged_run(tmp_path):
    """All but the installation, which brought us here; `tox -e packaging` does that too."""
    run(tmp_path, "python -m django startproject mysite .")
    Reader(tmp_path).read()
    assert run(tmp_path, "python manage.py shell -v 0 -c", PRINT_THE_BALANCE).split()[-1] == "101"
