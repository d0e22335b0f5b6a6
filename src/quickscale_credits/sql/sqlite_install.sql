CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedentries_no_update
BEFORE UPDATE ON quickscale_credits_archivedentries
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_archivedentries is append-only: its rows stand for entries');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedentries_no_delete
BEFORE DELETE ON quickscale_credits_archivedentries
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_archivedentries is append-only: its rows stand for entries');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedentries_no_replace
BEFORE INSERT ON quickscale_credits_archivedentries
WHEN EXISTS (SELECT 1 FROM quickscale_credits_archivedentries WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM quickscale_credits_archivedentries WHERE account_id = NEW.account_id AND first_sequence = NEW.first_sequence)
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_archivedentries is append-only: this row exists');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedsum_no_update
BEFORE UPDATE ON quickscale_credits_archivedsum
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_archivedsum is append-only: its rows stand for entries');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedsum_no_delete
BEFORE DELETE ON quickscale_credits_archivedsum
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_archivedsum is append-only: its rows stand for entries');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedsum_no_replace
BEFORE INSERT ON quickscale_credits_archivedsum
WHEN EXISTS (SELECT 1 FROM quickscale_credits_archivedsum WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_archivedsum is append-only: this row exists');
END
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_update
BEFORE UPDATE ON quickscale_credits_ledgerentry
BEGIN
    SELECT RAISE(ABORT, 'quickscale_credits_ledgerentry is append-only: book a correction instead of changing a row');
END
---
DROP TRIGGER IF EXISTS quickscale_credits_ledgerentry_no_delete
---
CREATE TRIGGER quickscale_credits_ledgerentry_no_delete
BEFORE DELETE ON quickscale_credits_ledgerentry
WHEN OLD.kind NOT IN ('spend', 'expiry') OR OLD.idempotency_key IS NOT NULL OR OLD.sequence > COALESCE((
    SELECT last_sequence FROM quickscale_credits_archivedentries
    WHERE account_id = OLD.account_id AND first_sequence <= OLD.sequence
    ORDER BY first_sequence DESC LIMIT 1), 0)
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
DROP TRIGGER IF EXISTS quickscale_credits_allocation_no_delete
---
CREATE TRIGGER quickscale_credits_allocation_no_delete
BEFORE DELETE ON quickscale_credits_allocation
WHEN NOT EXISTS (
    SELECT 1 FROM quickscale_credits_ledgerentry entry
    WHERE entry.id = OLD.entry_id AND entry.sequence <= (
        SELECT last_sequence FROM quickscale_credits_archivedentries
        WHERE account_id = entry.account_id AND first_sequence <= entry.sequence
        ORDER BY first_sequence DESC LIMIT 1))
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
