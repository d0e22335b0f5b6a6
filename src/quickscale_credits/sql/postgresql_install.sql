CREATE OR REPLACE FUNCTION quickscale_credits_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: book a correction instead of changing or deleting a row', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$
---
CREATE OR REPLACE TRIGGER quickscale_credits_ledgerentry_no_change
    BEFORE UPDATE OR DELETE ON quickscale_credits_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION quickscale_credits_refuse_change()
---
CREATE OR REPLACE TRIGGER quickscale_credits_allocation_no_change
    BEFORE UPDATE OR DELETE ON quickscale_credits_allocation
    FOR EACH ROW EXECUTE FUNCTION quickscale_credits_refuse_change()
