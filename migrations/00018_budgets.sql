-- What the daemons of this database may send to a provider with one credential.
-- The limit is the credential's, so they share it by leases: each holder's share
-- is its own until its lease ends, and what a share was counts for one window more,
-- as the requests sent under it may be that young. No key stands here: a credential
-- is known by a hash.

-- +goose Up
CREATE TABLE tasksync.budgets (
    credential text PRIMARY KEY,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE tasksync.budget_shares (
    credential text NOT NULL REFERENCES tasksync.budgets ON DELETE CASCADE,
    holder     uuid NOT NULL,
    demand     integer NOT NULL,
    share      integer NOT NULL,
    until      timestamptz NOT NULL, -- when the lease ends
    held       integer NOT NULL,     -- a larger share that it had
    held_until timestamptz NOT NULL, -- when the requests sent under that are a window old
    PRIMARY KEY (credential, holder)
);

-- +goose StatementBegin
-- Renews the lease of a holder and returns its share: as much as its demand has of
-- the limit, and its part of half of what no demand needs (the other half is there
-- for who comes next), but never what another holder may still have used within a
-- window. One caller at a time per credential.
CREATE FUNCTION tasksync.renew_share(a_credential text, a_holder uuid, a_demand integer, a_limit integer, a_window_ms bigint, a_lease_ms bigint, a_now timestamptz)
RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    a_window CONSTANT interval := a_window_ms * interval '1 millisecond';
    a_lease CONSTANT interval := a_lease_ms * interval '1 millisecond';
    at timestamptz; -- read under the lock
    mine tasksync.budget_shares;
    taken integer;
    fair numeric;
    rest integer;
    others integer;
    wanting integer;
    granted integer;
BEGIN
    INSERT INTO tasksync.budgets AS b (credential) VALUES (a_credential)
    ON CONFLICT (credential) DO UPDATE SET updated_at = now();
    at := coalesce(a_now, clock_timestamp());
    DELETE FROM tasksync.budget_shares AS s
    WHERE s.credential = a_credential AND s.until + a_window < at AND s.held_until < at;
    SELECT coalesce(sum(greatest(s.share, CASE WHEN s.held_until > at THEN s.held ELSE 0 END)), 0)
    INTO taken
    FROM tasksync.budget_shares AS s
    WHERE s.credential = a_credential AND s.holder <> a_holder;

    -- Max-min fairness: the least demands are met first, the rest is shared evenly.
    rest := a_limit;
    SELECT count(*) INTO others
    FROM tasksync.budget_shares AS s
    WHERE s.credential = a_credential AND s.holder <> a_holder AND s.until > at;
    wanting := others + 1;
    granted := 0;
    FOR mine IN
        SELECT s.credential, s.holder, s.demand, s.share, s.until, s.held, s.held_until
        FROM tasksync.budget_shares AS s
        WHERE s.credential = a_credential AND s.holder <> a_holder AND s.until > at
        UNION ALL
        SELECT a_credential, a_holder, a_demand, 0, at, 0, at
        ORDER BY 3, 2
    LOOP
        fair := least(mine.demand, rest / wanting + CASE WHEN rest % wanting > 0 THEN 1 ELSE 0 END);
        rest := rest - fair;
        wanting := wanting - 1;
        IF mine.holder = a_holder THEN
            granted := fair;
        END IF;
    END LOOP;
    granted := greatest(0, least(granted + (rest + others) / (2 * (others + 1)), a_limit - taken));

    INSERT INTO tasksync.budget_shares AS s (credential, holder, demand, share, until, held, held_until)
    VALUES (a_credential, a_holder, a_demand, granted, at + a_lease, granted, at)
    ON CONFLICT (credential, holder) DO UPDATE
    SET demand = EXCLUDED.demand, share = EXCLUDED.share, until = EXCLUDED.until,
        held = CASE
            WHEN s.share > EXCLUDED.share THEN greatest(s.share, CASE WHEN s.held_until > at THEN s.held ELSE 0 END)
            WHEN s.held_until > at THEN s.held
            ELSE EXCLUDED.share
        END,
        held_until = CASE WHEN s.share > EXCLUDED.share THEN greatest(s.until + a_window, s.held_until) ELSE s.held_until END;
    RETURN granted;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION tasksync.renew_share(text, uuid, integer, integer, bigint, bigint, timestamptz);
DROP TABLE tasksync.budget_shares;
DROP TABLE tasksync.budgets;
