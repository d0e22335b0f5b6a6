"""Which services there are, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from quickscale_services.base import BaseService
from quickscale_services.exceptions import AlreadyRegistered, UnknownService

ServiceClass = TypeVar("ServiceClass", bound=type[BaseService])


class Registry(Mapping[str, BaseService]):
    """A service is one object that is shared by every run and thread: it keeps nothing about a run on itself."""

    def __init__(self) -> None:
        self._services: dict[str, BaseService] = {}

    def __getitem__(self, name: str) -> BaseService:
        try:
            return self._services[name]
        except KeyError:
            raise UnknownService(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._services))

    def __len__(self) -> int:
        return len(self._services)

    def register(self, service_class: type[BaseService]) -> None:
        """Raises `AlreadyRegistered`, unless it is the same class again, as after a reload of its module."""
        known = self._services.get(service_class.name)
        if known is not None and not _is_reloaded(type(known), service_class):
            raise AlreadyRegistered(
                f"{_path(service_class)} cannot be named {service_class.name!r}: {_path(type(known))} is. "
                "Give one of them another name."
            )
        self._services[service_class.name] = service_class()

    def snapshot(self) -> dict[str, BaseService]:
        return dict(self._services)

    def restore(self, snapshot: dict[str, BaseService]) -> None:
        self._services = snapshot


registry = Registry()


def register_service(service_class: ServiceClass) -> ServiceClass:
    """Class decorator for a service in an app's `services.py`."""
    registry.register(service_class)
    return service_class


def _is_reloaded(known: type[BaseService], service_class: type[BaseService]) -> bool:
    """Whether they come from one place in the code; a class made in a function may be another each time."""
    is_same_place = _path(known) == _path(service_class) and "<locals>" not in service_class.__qualname__
    return known is service_class or is_same_place


def _path(service_class: type[BaseService]) -> str:
    return f"{service_class.__module__}.{service_class.__qualname__}"
