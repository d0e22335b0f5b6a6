"""Services that are sold for credits."""

from quickscale_services import pricing
from quickscale_services.base import BaseService, ServiceResult
from quickscale_services.registry import register_service, registry

__all__ = ["BaseService", "ServiceResult", "pricing", "register_service", "registry"]
