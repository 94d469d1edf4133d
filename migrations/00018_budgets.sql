-- What the daemons of this database may send to a provider with one credential.
-- The limit is the credential's, so they share it by leases: each holder's share
-- is its own until its lease ends, and what a share was counts for one window more,
-- as the requests sent under it may be that young. No key stands here: a credential
-- is known by a hash.

-- +goose Up
CREATE TABLE tasksync.budgets (
    credential   text PRIMARY KEY,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    closed_until timestamptz NOT NULL DEFAULT '-infinity', -- the provider wants no request before
    unsure_until timestamptz NOT NULL DEFAULT '-infinity'  -- requests under forgotten shares are a window old then
);

CREATE TABLE tasksync.budget_shares (
    credential text NOT NULL REFERENCES tasksync.budgets ON DELETE CASCADE,
    holder     uuid NOT NULL,
    requests   integer NOT NULL, -- the limit that the holder was told
    window_ms  bigint NOT NULL,
    demand     integer NOT NULL,
    share      integer NOT NULL,
    renewed_at timestamptz NOT NULL,
    until      timestamptz NOT NULL, -- when the lease ends
    held       integer[] NOT NULL DEFAULT '{}',     -- larger shares that it had,
    held_until timestamptz[] NOT NULL DEFAULT '{}', -- and when the requests sent under each are a window old
    PRIMARY KEY (credential, holder)
);

-- +goose StatementBegin
-- Max-min fairness: the least demands are met first, the rest is shared evenly, and
-- of what no demand needs a holder has its part of half; the other half is there for
-- who comes next. A holder without demand counts as one, where that leaves enough.
-- Where there are fewer slots than holders, they take turns.
CREATE FUNCTION tasksync.fair_share(a_credential text, a_holder uuid, a_demand integer, a_limit bigint, a_window_ms bigint, a_turn bigint, a_at timestamptz)
RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    holders CONSTANT bigint := 1 + (
        SELECT count(*) FROM tasksync.budget_shares AS s
        WHERE s.credential = a_credential AND s.holder <> a_holder AND s.until > a_at);
    wanting bigint := holders;
    rest bigint := a_limit;
    part bigint;
    granted bigint := 0;
    other record;
BEGIN
    FOR other IN
        SELECT h.holder, greatest(h.demand, CASE WHEN a_limit >= 2 * holders THEN 1 ELSE 0 END) AS demand
        FROM (
            SELECT s.holder, s.demand * ((a_window_ms + s.window_ms - 1) / s.window_ms) AS demand
            FROM tasksync.budget_shares AS s
            WHERE s.credential = a_credential AND s.holder <> a_holder AND s.until > a_at
            UNION ALL
            SELECT a_holder, a_demand
        ) AS h
        ORDER BY CASE WHEN a_limit < holders THEN md5(a_turn || h.holder::text) END, 2, 1
    LOOP
        part := least(other.demand, (rest + wanting - 1) / wanting);
        rest := rest - part;
        wanting := wanting - 1;
        IF other.holder = a_holder THEN
            granted := part;
        END IF;
    END LOOP;
    RETURN granted + (rest + holders) / (2 * holders);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Renews the lease of a holder and returns its share: a fair one, but never what
-- another holder may still have used within a window. One caller at a time per
-- credential.
--
-- The caller says what it holds: a_share, by a renewal sent a_since_ms ago by its own
-- clock (null: nothing). Where that contradicts the table, because the clock of the
-- database was set or rows were deleted, other shares may be in use that the table
-- does not know. Then no holder gets more than it holds until all of them have come
-- back or ended. a_closed_ms is how long the provider wants no requests (0: it does
-- not say); closed_ms is the same, from all holders. agreed is false while another
-- holder was told another limit: then the lowest counts. In the case of different
-- windows a holder may get nothing.
CREATE FUNCTION tasksync.renew_share(
    a_credential text, a_holder uuid, a_demand integer, a_limit integer, a_window_ms bigint, a_lease_ms bigint,
    a_share integer, a_since_ms bigint, a_closed_ms bigint, a_now timestamptz,
    OUT share integer, OUT closed_ms bigint, OUT agreed boolean
) LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    ms CONSTANT interval := interval '1 millisecond';
    holds CONSTANT boolean := coalesce(a_since_ms < a_lease_ms, false);
    budget tasksync.budgets;
    mine tasksync.budget_shares;
    known boolean;
    longest bigint; -- window
    settled timestamptz; -- when all that is held now is a window old
    at timestamptz;
    most bigint; -- requests
    taken numeric;
BEGIN
    IF num_nulls(a_credential, a_holder, a_demand, a_limit, a_window_ms, a_lease_ms) > 0 OR least(a_limit, a_window_ms, a_lease_ms, a_demand + 1) < 1 THEN
        RAISE EXCEPTION 'limit, window and lease must be positive' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The update makes a transaction fail that would read shares from before the lock, in isolation levels that do.
    INSERT INTO tasksync.budgets AS b (credential) VALUES (a_credential)
    ON CONFLICT (credential) DO UPDATE SET updated_at = now() RETURNING b.* INTO budget;
    at := coalesce(a_now, clock_timestamp()); -- under the lock
    SELECT greatest(a_window_ms, max(s.window_ms)) INTO longest FROM tasksync.budget_shares AS s WHERE s.credential = a_credential;
    settled := at + (a_lease_ms + longest) * ms;
    SELECT s.* INTO mine FROM tasksync.budget_shares AS s WHERE s.credential = a_credential AND s.holder = a_holder;
    known := FOUND;

    IF known AND holds AND at > mine.renewed_at + (a_since_ms + 3000) * ms
        OR EXISTS (SELECT FROM tasksync.budget_shares AS s WHERE s.credential = a_credential AND s.renewed_at > at + interval '1 second')
    THEN -- the clock was set
        DELETE FROM tasksync.budget_shares AS s WHERE s.credential = a_credential;
        mine := NULL;
        budget.unsure_until := settled;
        budget.closed_until := '-infinity';
    ELSIF holds AND NOT known THEN -- rows were deleted
        budget.unsure_until := settled;
    END IF;
    budget.unsure_until := least(budget.unsure_until, settled);
    budget.closed_until := greatest(budget.closed_until, CASE WHEN a_closed_ms > 0 THEN at + a_closed_ms * ms END);
    UPDATE tasksync.budgets AS b SET closed_until = budget.closed_until, unsure_until = budget.unsure_until
    WHERE b.credential = a_credential AND (b.closed_until, b.unsure_until) <> (budget.closed_until, budget.unsure_until);
    DELETE FROM tasksync.budget_shares AS s WHERE s.credential = a_credential AND s.until + longest * ms < at;

    -- Another's share is for its own window, of which a window of the caller may touch several.
    SELECT coalesce(sum(((a_window_ms + s.window_ms - 1) / s.window_ms)::numeric
            * greatest(s.share, (SELECT max(h.share) FROM unnest(s.held, s.held_until) AS h (share, until) WHERE h.until > at))), 0),
        least(a_limit, min(s.requests / ((s.window_ms + a_window_ms - 1) / a_window_ms)) FILTER (WHERE s.until > at)),
        coalesce(bool_and(s.requests = a_limit AND s.window_ms = a_window_ms) FILTER (WHERE s.until > at), true)
    INTO taken, most, agreed
    FROM tasksync.budget_shares AS s
    WHERE s.credential = a_credential AND s.holder <> a_holder;
    share := greatest(0, least(most - taken,
        tasksync.fair_share(a_credential, a_holder, a_demand, most, a_window_ms, floor(extract(epoch FROM at) * 250 / (a_lease_ms + longest))::bigint, at),
        CASE WHEN at < budget.unsure_until THEN CASE WHEN holds THEN a_share ELSE 0 END END));
    closed_ms := CASE WHEN budget.closed_until > at THEN ceil(extract(epoch FROM budget.closed_until - at) * 1000) ELSE 0 END;
    PERFORM tasksync.keep_share(mine, (a_credential, a_holder, a_limit, a_window_ms, a_demand, share, at, at + a_lease_ms * ms, '{}', '{}'), longest * ms);
END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Stores a share in the place of the former one (null: none), which counts until its
-- requests are a window old. What was held is kept for sixteenths of a window, so
-- that it stays short.
CREATE FUNCTION tasksync.keep_share(a_former tasksync.budget_shares, a_next tasksync.budget_shares, a_window interval)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    SELECT coalesce(array_agg(h.share ORDER BY h.until), '{}'), coalesce(array_agg(h.until ORDER BY h.until), '{}')
    INTO a_next.held, a_next.held_until
    FROM (
        SELECT max(b.share) AS share, b.until
        FROM (
            SELECT u.share, u.until FROM unnest(a_former.held, a_former.held_until) AS u (share, until)
            UNION ALL
            SELECT a_former.share, date_bin(a_window / 16, a_former.until + a_window, 'epoch') + a_window / 16
        ) AS b
        WHERE b.share > a_next.share AND b.until > a_next.renewed_at
        GROUP BY b.until
    ) AS h;
    INSERT INTO tasksync.budget_shares AS s SELECT a_next.*
    ON CONFLICT (credential, holder) DO UPDATE
    SET requests = EXCLUDED.requests, window_ms = EXCLUDED.window_ms, demand = EXCLUDED.demand, share = EXCLUDED.share,
        renewed_at = EXCLUDED.renewed_at, until = EXCLUDED.until, held = EXCLUDED.held, held_until = EXCLUDED.held_until;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION tasksync.renew_share(text, uuid, integer, integer, bigint, bigint, integer, bigint, bigint, timestamptz);
DROP FUNCTION tasksync.keep_share(tasksync.budget_shares, tasksync.budget_shares, interval);
DROP FUNCTION tasksync.fair_share(text, uuid, integer, bigint, bigint, bigint, timestamptz);
DROP TABLE tasksync.budget_shares;
DROP TABLE tasksync.budgets;
