CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedentries_no_update
BEFORE UPDATE ON quickscale_credits_archivedentries FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_archivedentries is append-only: its rows stand for entries'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedentries_no_delete
BEFORE DELETE ON quickscale_credits_archivedentries FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_archivedentries is append-only: its rows stand for entries'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedsum_no_update
BEFORE UPDATE ON quickscale_credits_archivedsum FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_archivedsum is append-only: its rows stand for entries'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_archivedsum_no_delete
BEFORE DELETE ON quickscale_credits_archivedsum FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_archivedsum is append-only: its rows stand for entries'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_update
BEFORE UPDATE ON quickscale_credits_ledgerentry FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_ledgerentry is append-only: book a correction instead'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_allocation_no_update
BEFORE UPDATE ON quickscale_credits_allocation FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_allocation is append-only: book a correction instead'
---
DROP TRIGGER IF EXISTS quickscale_credits_ledgerentry_no_delete
---
CREATE TRIGGER quickscale_credits_ledgerentry_no_delete
BEFORE DELETE ON quickscale_credits_ledgerentry FOR EACH ROW
BEGIN
    IF OLD.kind NOT IN ('spend', 'expiry') OR OLD.idempotency_key IS NOT NULL OR OLD.sequence > COALESCE((
        SELECT last_sequence FROM quickscale_credits_archivedentries
        WHERE account_id = OLD.account_id AND first_sequence <= OLD.sequence
        ORDER BY first_sequence DESC LIMIT 1), 0)
    THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_ledgerentry is append-only: book a correction instead';
    END IF;
END
---
DROP TRIGGER IF EXISTS quickscale_credits_allocation_no_delete
---
CREATE TRIGGER quickscale_credits_allocation_no_delete
BEFORE DELETE ON quickscale_credits_allocation FOR EACH ROW
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM quickscale_credits_ledgerentry entry
        WHERE entry.id = OLD.entry_id AND entry.sequence <= (
            SELECT last_sequence FROM quickscale_credits_archivedentries
            WHERE account_id = entry.account_id AND first_sequence <= entry.sequence
            ORDER BY first_sequence DESC LIMIT 1))
    THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_allocation is append-only: book a correction instead';
    END IF;
END
