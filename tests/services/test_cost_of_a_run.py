"""How many statements a run over HTTP makes: docs/explanation/cost-of-a-run.md lists them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from quickscale_credits.testing import fund

pytestmark = pytest.mark.django_db(transaction=True)

TRANSACTIONS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def statements(program, service, **headers):
    """Those of a run that is not the first, of which the ends of transactions are not counted."""
    path, body = f"services/{service}/run", {"text": "one"}
    assert program.post(path, body).status_code == 200
    with CaptureQueriesContext(connection) as captured:
        assert program.post(path, body, **headers).status_code == 200
    made = [query["sql"] for query in captured]
    assert not any(each.startswith("SAVEPOINT") for each in made)
    return [each for each in made if not each.startswith(TRANSACTIONS)]


@pytest.mark.parametrize(
    ("service", "headers", "count"),
    [("count-words", {}, 13), ("count-words", {"Idempotency_Key": "k"}, 14), ("free-words", {}, 6)],
    ids=["priced", "with a key", "free"],
)
def test_a_run_makes_no_more_statements_than_the_docs_say(user, program, service, headers, count):
    fund(user, 9)
    assert len(statements(program, service, **headers)) == count
