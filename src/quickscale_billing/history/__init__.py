"""What an owner was billed, paid, got back and spent: lists, receipts, and all of it in one timeline."""

from quickscale_billing.history.lists import invoices, payments, statement, timeline
from quickscale_billing.history.merging import HistoryPage
from quickscale_billing.history.receipts import receipt
from quickscale_billing.history.rows import HistoryRow, RowKind

__all__ = ["HistoryPage", "HistoryRow", "RowKind", "invoices", "payments", "receipt", "statement", "timeline"]
