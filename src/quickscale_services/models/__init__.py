"""The rows of services."""

from quickscale_services.models.archives import ArchivedRuns
from quickscale_services.models.keys import ApiKey
from quickscale_services.models.rate_cards import RateCard, RateCardQuerySet
from quickscale_services.models.rollups import ServiceAccountRollup, ServiceRollup
from quickscale_services.models.runs import RunInput, RunQuerySet, ServiceRun
from quickscale_services.models.switches import Service

__all__ = [
    "ApiKey",
    "ArchivedRuns",
    "RateCard",
    "RateCardQuerySet",
    "RunInput",
    "RunQuerySet",
    "Service",
    "ServiceAccountRollup",
    "ServiceRollup",
    "ServiceRun",
]
