-- In place of TASKSYNC_SETTLE: a plain trigger gives the credits of a failed row back.
-- Run it after credits.sql.
--
-- It fires in the transaction that ends the row, so that it is exact as well, and it
-- sees ends that other programs write. But it knows nothing of rounds, so it counts
-- lines to find out what is settled; and an error that it raises keeps the row pending,
-- because tasksync cannot tell it from a rejection of the row.

BEGIN;

CREATE FUNCTION credits.settle_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    paid integer; -- what the row has cost so far
    price integer;
    lines integer;
BEGIN
    SELECT -sum(e.amount), max(-e.amount) FILTER (WHERE e.kind = 'charge'), count(*) INTO paid, price, lines
    FROM credits.entries AS e WHERE e.generation_id = NEW.id;
    IF NEW.status = 'failed' AND paid > 0 THEN
        PERFORM credits.book(NEW.user_id::text, NEW.id, lines, 'refund', paid);
    ELSIF NEW.status = 'complete' AND paid < price THEN
        PERFORM credits.book(NEW.user_id::text, NEW.id, lines, 'recharge', paid - price);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER settle_change AFTER UPDATE OF status ON public.music_generations
    FOR EACH ROW WHEN (NEW.status IN ('complete', 'failed') AND OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION credits.settle_change();

COMMIT;
