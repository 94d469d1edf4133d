package budget

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/queries"
)

// Arguments that would give a share to no rule are refused.
func TestArgumentsThatAreNoLimit(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	for _, args := range []string{
		"NULL, gen_random_uuid(), 1, 20, 10000, 5000", "'c', NULL, 1, 20, 10000, 5000", "'c', gen_random_uuid(), NULL, 20, 10000, 5000",
		"'c', gen_random_uuid(), 1, NULL, 10000, 5000", "'c', gen_random_uuid(), 1, 0, 10000, 5000", "'c', gen_random_uuid(), 1, -1, 10000, 5000",
		"'c', gen_random_uuid(), 1, 20, 0, 5000", "'c', gen_random_uuid(), 1, 20, -1, 5000", "'c', gen_random_uuid(), 1, 20, NULL, 5000",
		"'c', gen_random_uuid(), -1, 20, 10000, 5000", "'c', gen_random_uuid(), 1, 20, 10000, 0",
	} {
		_, err := pool.Exec(t.Context(), "SELECT tasksync.renew_share("+args+", 0, NULL, 0, NULL)")
		require.ErrorContains(t, err, "must be positive", args)
	}
	for _, args := range []string{
		"2147483646, 2147483647, 1, 5000, 2147483647, 1, 3600000", "0, 2147483647, 86400000, 5000, NULL, NULL, NULL", "1, 1, 1, 1, -1, -1, -1",
	} {
		for range 2 {
			_, err := pool.Exec(t.Context(), "SELECT tasksync.renew_share('c', gen_random_uuid(), "+args+", NULL)")
			require.NoError(t, err, args)
		}
	}
}

// Where there are fewer slots than daemons, each of them has its turn, and one that
// wants nothing takes none.
func TestFewSlotsGoRound(t *testing.T) {
	t.Parallel()
	for _, requests := range []int{1, 2} {
		t.Run(fmt.Sprint(requests), func(t *testing.T) {
			t.Parallel()
			f := newFleet(postgrestest.Pool(t), requests, 2*time.Second)
			idle := f.join(0)
			busy := []*daemon{f.join(1), f.join(2), f.join(20)}
			sent := 0
			for range 20 {
				for range 10 {
					f.rounds(t, 2*renewEvery, append(busy, idle)...)
				}
				sent += len(f.all)
			}
			for i, d := range busy {
				require.NotEmpty(t, d.sent, i)
			}
			require.Empty(t, idle.sent)
			require.NotZero(t, sent)
		})
	}
}

// A daemon whose demand changes all the time does not hold the most that it ever had.
func TestChangingDemandHoldsNothingForGood(t *testing.T) {
	t.Parallel()
	f := newFleet(postgrestest.Pool(t), 20, 10*time.Second)
	restless, other := f.join(20), f.join(1)
	f.rounds(t, 10*time.Second, restless, other)
	require.Greater(t, restless.share, 15)
	other.demand = 20
	for i := range 40 {
		restless.demand = 3 + i%2
		f.rounds(t, renewEvery, restless, other)
	}
	require.GreaterOrEqual(t, other.share, 15)
	var kept int
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT max(cardinality(held)) FROM tasksync.budget_shares`).Scan(&kept))
	require.Less(t, kept, 30)
}

// While daemons have different limits, the lower one counts.
func TestDifferentLimits(t *testing.T) {
	t.Parallel()
	for name, window := range map[string]time.Duration{"requests": 10 * time.Second, "window": time.Second, "longer window": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(postgrestest.Pool(t), 20, 10*time.Second)
			old := f.join(20)
			f.rounds(t, 20*time.Second, old)
			require.Equal(t, 20, old.share)
			next := *f
			next.requests, next.window = 10, window
			changed := next.join(20)
			for f.now = f.now.Add(0); f.now.Before(next.now.Add(3 * time.Minute)); f.now = f.now.Add(renewEvery) {
				f.renew(t, t.Context(), old, true)
				at := next
				at.now = f.now
				at.renew(t, t.Context(), changed, true)
			}
			inBoth := changed.share
			if window < f.window {
				inBoth *= int(f.window / window)
			}
			require.LessOrEqual(t, old.share+inBoth, 20)
			require.Positive(t, old.share+changed.share)
			if window == f.window {
				require.Equal(t, []int{5, 5}, []int{old.share, changed.share})
			}
			p := f.params(old)
			p.At = pgtype.Timestamptz{Time: f.now, Valid: true}
			row, err := queries.New().ShareRenew(t.Context(), f.pool, p)
			require.NoError(t, err)
			require.False(t, row.Agreed)
			f.rounds(t, 2*time.Minute, old)
			require.Equal(t, 20, old.share, "the other has gone")
		})
	}
}

// Many daemons renew at once, in any isolation level, over a pooler's kind of
// connection: the sum stays within the limit.
func TestRenewalsAtOnce(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"read committed", "repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			cfg, err := pgxpool.ParseConfig(postgrestest.URL(t))
			require.NoError(t, err)
			cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = level
			cfg.MaxConns = 8
			pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			var mu sync.Mutex
			shares := make([]int, 8)
			var all sync.WaitGroup
			for i := range shares {
				all.Go(func() {
					h := New(Config{DB: pool, Credential: "c", Requests: 20, Window: 10 * time.Second, Gate: newFakeGate()})
					for range 5 {
						h.runOnce(context.WithoutCancel(t.Context()))
						mu.Lock()
						shares[i] = h.Share()
						sum := 0
						for _, n := range shares {
							sum += n
						}
						mu.Unlock()
						if sum > 20 {
							t.Errorf("%v", shares)
						}
					}
				})
			}
			all.Wait()
			require.NotZero(t, shares)
		})
	}
}

// A pooler in transaction mode changes nothing, whether statements are prepared or not.
func TestHolderBehindAPooler(t *testing.T) {
	t.Parallel()
	pooler := postgrestest.PgBouncer(t, postgrestest.URL(t), "transaction")
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		cfg, err := pgxpool.ParseConfig(pooler)
		require.NoError(t, err)
		cfg.ConnConfig.DefaultQueryExecMode = mode
		pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		h := New(Config{DB: pool, Credential: mode.String(), Requests: 20, Window: 10 * time.Second, Gate: newFakeGate()})
		h.runOnce(t.Context())
		h.runOnce(t.Context())
		require.NoError(t, h.failure)
		require.Equal(t, 20, h.Share(), mode)
	}
}

// The tables stay small: renewals leave nothing, and old credentials go. Without other
// tests beside it, whose transactions would keep the server from clearing up.
func TestTablesStaySmall(t *testing.T) { //nolint:paralleltest // see above
	f := newFleet(postgrestest.Pool(t), 20, 10*time.Second)
	one, two := f.join(20), f.join(5)
	f.rounds(t, 10*time.Minute, one, two)
	var bytes int
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT pg_relation_size('tasksync.budgets') + pg_relation_size('tasksync.budget_shares')`).Scan(&bytes))
	require.LessOrEqual(t, bytes, 64<<10)
	_, err := f.pool.Exec(t.Context(), `UPDATE tasksync.budgets SET updated_at = now() - interval '8 days'`)
	require.NoError(t, err)
	require.NoError(t, queries.New().BudgetDeleteOld(t.Context(), f.pool))
	var left int
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT count(*) FROM tasksync.budget_shares`).Scan(&left))
	require.Zero(t, left)
}
