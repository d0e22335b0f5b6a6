CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_update
BEFORE UPDATE ON quickscale_credits_ledgerentry FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_ledgerentry is append-only: book a correction instead'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_ledgerentry_no_delete
BEFORE DELETE ON quickscale_credits_ledgerentry FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_ledgerentry is append-only: book a correction instead'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_allocation_no_update
BEFORE UPDATE ON quickscale_credits_allocation FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_allocation is append-only: book a correction instead'
---
CREATE TRIGGER IF NOT EXISTS quickscale_credits_allocation_no_delete
BEFORE DELETE ON quickscale_credits_allocation FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quickscale_credits_allocation is append-only: book a correction instead'
