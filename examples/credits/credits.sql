-- A ledger of credits beside music_generations: a row costs credits when it is
-- inserted, and gives them back when it fails. Run it once, as the owner of the tables:
--
--   psql "$DATABASE_URL" -f credits.sql
--
-- and start tasksync with TASKSYNC_SETTLE=credits.settle_generation.
--
-- Each booking is a line of credits.entries, once for a row, a round and a kind. The
-- balance is their sum, and never below zero: a charge that it does not cover is an
-- error, and so the row is not inserted. If a refund is to be taken back and the user
-- has spent it, what is missing is owed: the next grant pays it first.

BEGIN;

CREATE SCHEMA credits;

CREATE TABLE credits.accounts (
    user_id text PRIMARY KEY,
    balance integer NOT NULL DEFAULT 0 CHECK (balance >= 0),
    owed    integer NOT NULL DEFAULT 0 CHECK (owed >= 0)
);

CREATE TABLE credits.entries (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       text NOT NULL REFERENCES credits.accounts,
    generation_id uuid, -- null: a grant
    round         integer, -- of the settlement; 0: the charge at the insert
    kind          text NOT NULL CHECK (kind IN ('grant', 'charge', 'refund', 'recharge')),
    amount        integer NOT NULL, -- what it changes, below zero for charges
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (generation_id, round, kind)
);
CREATE INDEX ON credits.entries (user_id);

CREATE TABLE credits.prices (
    task_type text PRIMARY KEY,
    amount    integer NOT NULL CHECK (amount >= 0)
);
INSERT INTO credits.prices VALUES ('generate', 10), ('extend', 10), ('replace', 5), ('merge', 2), ('lyrics', 1);

-- Books a line. The lock on the account orders the bookings of a user.
CREATE FUNCTION credits.book(a_user text, a_generation uuid, a_round integer, a_kind text, a_amount integer) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    account credits.accounts;
BEGIN
    SELECT a.* INTO account FROM credits.accounts AS a WHERE a.user_id = a_user FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the user has no account' USING ERRCODE = 'foreign_key_violation';
    ELSIF a_kind = 'charge' AND account.balance + a_amount < 0 THEN
        RAISE EXCEPTION 'not enough credits' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO credits.entries (user_id, generation_id, round, kind, amount)
    VALUES (a_user, a_generation, a_round, a_kind, a_amount);
    UPDATE credits.accounts AS a
    SET balance = greatest(0, a.balance - a.owed + a_amount), owed = greatest(0, a.owed - a.balance - a_amount)
    WHERE a.user_id = a_user;
END
$$;

-- Gives a user credits, and opens an account for a new one.
CREATE FUNCTION credits.grant_credits(a_user text, a_amount integer) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO credits.accounts (user_id) VALUES (a_user) ON CONFLICT DO NOTHING;
    PERFORM credits.book(a_user, NULL, NULL, 'grant', a_amount);
END
$$;

-- Charges a row as it is inserted.
CREATE FUNCTION credits.charge_generation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    PERFORM credits.book(NEW.user_id::text, NEW.id, 0, 'charge', -p.amount) FROM credits.prices AS p WHERE p.task_type = NEW.task_type;
    RETURN NULL;
END
$$;

CREATE TRIGGER charge_generation AFTER INSERT ON public.music_generations
    FOR EACH ROW WHEN (NEW.task_type IS NOT NULL) EXECUTE FUNCTION credits.charge_generation();

-- The function for TASKSYNC_SETTLE. It goes from the outcome that was settled before
-- (none: the row is charged) to the new one, and returns what it did, for
-- `tasksync settle dry-run`.
CREATE FUNCTION credits.settle_generation(generation_id uuid, round integer, outcome text, code text, details jsonb) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    was_failed CONSTANT boolean := coalesce(details->'earlier'->-1->>'outcome' = 'failed', false);
    price integer;
BEGIN
    IF (outcome = 'failed') = was_failed THEN
        RETURN 'nothing';
    END IF;
    SELECT -e.amount INTO price FROM credits.entries AS e
    WHERE e.generation_id = settle_generation.generation_id AND e.kind = 'charge';
    IF NOT FOUND THEN
        RETURN 'nothing: it was never charged';
    ELSIF outcome = 'failed' THEN
        PERFORM credits.book(details->>'user_id', generation_id, round, 'refund', price);
        RETURN 'refund ' || price;
    ELSE
        PERFORM credits.book(details->>'user_id', generation_id, round, 'recharge', -price);
        RETURN 'recharge ' || price;
    END IF;
END
$$;
-- Nobody calls it but tasksync: grant EXECUTE to its role if that is not the owner.
REVOKE ALL ON FUNCTION credits.settle_generation(uuid, integer, text, text, jsonb), credits.book(text, uuid, integer, text, integer),
    credits.grant_credits(text, integer), credits.charge_generation() FROM PUBLIC;

-- Proves the books: no line means that they are right. Pending rows are charged, rows
-- that failed are not, and each balance is the sum of its lines.
CREATE VIEW credits.mistakes AS
SELECT 'row ' || g.id AS what, coalesce(b.paid, 0) AS booked, CASE WHEN g.status = 'failed' THEN 0 ELSE c.amount END AS due
FROM public.music_generations AS g
JOIN credits.entries AS c ON c.generation_id = g.id AND c.kind = 'charge'
LEFT JOIN LATERAL (SELECT sum(e.amount) AS paid FROM credits.entries AS e WHERE e.generation_id = g.id) AS b ON true
WHERE g.status IN ('complete', 'failed') AND coalesce(b.paid, 0) <> CASE WHEN g.status = 'failed' THEN 0 ELSE c.amount END
UNION ALL
SELECT 'account ' || a.user_id, a.balance - a.owed, coalesce(s.amount, 0)
FROM credits.accounts AS a
LEFT JOIN LATERAL (SELECT sum(e.amount) AS amount FROM credits.entries AS e WHERE e.user_id = a.user_id) AS s ON true
WHERE a.balance - a.owed <> coalesce(s.amount, 0);

COMMIT;
