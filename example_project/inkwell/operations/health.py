"""What a load balancer or an orchestrator asks: does this process live, and can it serve?

Answered before all else, because a probe names no host of ours, speaks no TLS and has no session.
"""

import logging
from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse

logger = logging.getLogger(__name__)


class NotMigrated(Exception):
    """Tables that this code expects are not there yet."""


def answer_probes(get_response):
    probes = {"/health/live": live, "/health/ready": ready}

    def middleware(request):
        probe = probes.get(request.path)
        return probe() if probe else get_response(request)

    return middleware


def live():
    """Asks nobody: that it answers is all there is to say."""
    return JsonResponse({"live": True})


def ready():
    """503 until the database answers and has the tables that this code expects. Details are for the log alone."""
    try:
        ask_database()
        expect_tables()
    except (DatabaseError, NotMigrated):
        logger.exception("Not ready to serve.")
        return JsonResponse({"ready": False}, status=503)
    return JsonResponse({"ready": True})


def ask_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@cache
def expect_tables():
    """Looked at until it is so, and then never again by this process: it costs some hundred milliseconds."""
    executor = MigrationExecutor(connection)
    if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated(f"{len(missing)} migrations wait, the first of them is {missing[0][0]}.")
