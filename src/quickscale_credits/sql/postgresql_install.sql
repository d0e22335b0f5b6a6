CREATE OR REPLACE FUNCTION quickscale_credits_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: book a correction instead of changing or deleting a row', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$
---
CREATE OR REPLACE FUNCTION quickscale_credits_refuse_change_of_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.kind IN ('spend', 'expiry') AND OLD.idempotency_key IS NULL AND OLD.sequence <= (
        SELECT last_sequence FROM quickscale_credits_archivedentries
        WHERE account_id = OLD.account_id AND first_sequence <= OLD.sequence
        ORDER BY first_sequence DESC LIMIT 1) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: book a correction instead of changing or deleting a row', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$
---
CREATE OR REPLACE FUNCTION quickscale_credits_refuse_change_of_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT 1 FROM quickscale_credits_ledgerentry entry
        WHERE entry.id = OLD.entry_id AND entry.sequence <= (
            SELECT last_sequence FROM quickscale_credits_archivedentries
            WHERE account_id = entry.account_id AND first_sequence <= entry.sequence
            ORDER BY first_sequence DESC LIMIT 1)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only: book a correction instead of changing or deleting a row', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$
---
CREATE OR REPLACE TRIGGER quickscale_credits_archivedentries_no_change
    BEFORE UPDATE OR DELETE ON quickscale_credits_archivedentries
    FOR EACH ROW EXECUTE FUNCTION quickscale_credits_refuse_change()
---
CREATE OR REPLACE TRIGGER quickscale_credits_archivedsum_no_change
    BEFORE UPDATE OR DELETE ON quickscale_credits_archivedsum
    FOR EACH ROW EXECUTE FUNCTION quickscale_credits_refuse_change()
---
CREATE OR REPLACE TRIGGER quickscale_credits_ledgerentry_no_change
    BEFORE UPDATE OR DELETE ON quickscale_credits_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION quickscale_credits_refuse_change_of_entry()
---
CREATE OR REPLACE TRIGGER quickscale_credits_allocation_no_change
    BEFORE UPDATE OR DELETE ON quickscale_credits_allocation
    FOR EACH ROW EXECUTE FUNCTION quickscale_credits_refuse_change_of_allocation()
