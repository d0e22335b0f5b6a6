CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_update
BEFORE UPDATE ON quickscale_credits_ledgerentry
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_ledgerentry is append-only: book a correction instead of changing a row');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_delete
BEFORE DELETE ON quickscale_credits_ledgerentry
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_ledgerentry is append-only: book a correction instead of deleting a row');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_replace
BEFORE INSERT ON quickscale_credits_ledgerentry
WHEN EXISTS (SELECT 1 FROM quickscale_credits_ledgerentry WHERE account_id = NEW.account_id AND sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM quickscale_credits_ledgerentry WHERE id = NEW.id)
    OR (NEW.idempotency_key IS NOT NULL AND EXISTS (
        SELECT 1 FROM quickscale_credits_ledgerentry
        WHERE account_id = NEW.account_id AND idempotency_key = NEW.idempotency_key))
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_ledgerentry is append-only: this row exists');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_allocation_no_update
BEFORE UPDATE ON quickscale_credits_allocation
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_allocation is append-only: book a correction instead of changing a row');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_allocation_no_delete
BEFORE DELETE ON quickscale_credits_allocation
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_allocation is append-only: book a correction instead of deleting a row');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_allocation_no_replace
BEFORE INSERT ON quickscale_credits_allocation
WHEN EXISTS (SELECT 1 FROM quickscale_credits_allocation WHERE entry_id = NEW.entry_id AND grant_id = NEW.grant_id)
    OR EXISTS (SELECT 1 FROM quickscale_credits_allocation WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_allocation is append-only: this row exists');
END
