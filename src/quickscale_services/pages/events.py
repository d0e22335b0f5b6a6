"""What a service's page is told while a run streams: HTML, so that the server alone decides how a result looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string

from quickscale_services.base import ServiceResult
from quickscale_services.pages.presentation import shown
from quickscale_services.problems import ERRORS, problem


@dataclass(frozen=True, kw_only=True)
class PageTeller:
    """`page` draws the part of the page that changes, from what came of the run."""

    page: Callable[..., str]
    outcome: Callable[[ServiceResult], dict[str, Any]]

    def piece(self, piece: Any) -> Any:
        if isinstance(piece, str):
            return {"text": piece}
        return {"html": render_to_string("quickscale_services/_value.html", {"value": shown(piece)})}

    def result(self, result: ServiceResult) -> Any:
        return {"html": self.page(**self.outcome(result))}

    def error(self, error: Exception) -> Any:
        """What nobody foresaw ends the response, and is logged like any error of a view."""
        if not isinstance(error, ERRORS):
            raise error
        return {"html": self.page(problem=problem(error))}
