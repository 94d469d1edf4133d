package budget

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/queries"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// daemon is one that sends all that it may, in a time that the test makes.
type daemon struct {
	id       string
	demand   int
	share    int
	answered time.Time // zero: it has no answer
	sent     []time.Time
}

// holds reports whether the daemon has a lease.
func (d *daemon) holds(now time.Time) bool {
	return !d.answered.IsZero() && now.Sub(d.answered) < leaseTime
}

// send sends as many as the share and the last window permit.
func (d *daemon) send(now time.Time, window time.Duration) (n int) {
	recent := 0
	for _, at := range d.sent {
		if at.After(now.Add(-window)) {
			recent++
		}
	}
	for ; d.holds(now) && recent < min(d.share, d.demand); recent++ {
		d.sent = append(d.sent, now)
		n++
	}
	return n
}

// fleet is some daemons on one credential.
type fleet struct {
	pool       *pgxpool.Pool
	credential string
	requests   int
	window     time.Duration
	now        time.Time
	skew       time.Duration // of the database's clock
	daemons    []*daemon
	all        []time.Time // what was sent, by all
}

func (f *fleet) params(d *daemon) queries.ShareRenewParams {
	return queries.ShareRenewParams{
		Credential: f.credential, Holder: d.id, Demand: number(d.demand), Requests: number(f.requests),
		WindowMs: inMs(f.window), LeaseMs: inMs(leaseTime), Held: number(d.share),
		SinceMs: pgtype.Int8{Int64: inMs(f.now.Sub(d.answered)), Valid: !d.answered.IsZero()},
		At:      pgtype.Timestamptz{Time: f.now.Add(f.skew), Valid: true},
	}
}

func (f *fleet) renew(t require.TestingT, ctx context.Context, d *daemon, answered bool) {
	row, err := queries.New().ShareRenew(ctx, f.pool, f.params(d))
	require.NoError(t, err)
	if answered {
		d.share, d.answered = int(row.Share), f.now
	}
}

// send lets a daemon send, and holds the sum of all to the limit.
func (f *fleet) send(t require.TestingT, d *daemon) {
	for range d.send(f.now, f.window) {
		f.all = append(f.all, f.now)
	}
	f.all = slices.DeleteFunc(f.all, func(at time.Time) bool { return !at.After(f.now.Add(-f.window)) })
	require.LessOrEqual(t, len(f.all), f.requests, "sent by all in a window")
}

func newFleet(pool *pgxpool.Pool, requests int, window time.Duration) *fleet {
	return &fleet{pool: pool, credential: newID(), requests: requests, window: window, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (f *fleet) join(demand int) *daemon {
	d := &daemon{id: newID(), demand: demand}
	f.daemons = append(f.daemons, d)
	return d
}

// Daemons join, renew, lose answers, hang, die and come back, in any order, and each
// sends all that it may: no window ever holds more than the limit.
func TestTheSumNeverExceedsTheLimit(t *testing.T) {
	t.Parallel()
	pool, ctx := postgrestest.Pool(t), t.Context()
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(pool, rapid.IntRange(1, 40).Draw(t, "requests"), time.Duration(rapid.IntRange(1, 60).Draw(t, "window s"))*time.Second)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			f.now = f.now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
			if rapid.IntRange(0, 19).Draw(t, "upset") == 0 {
				f.upset(t, ctx)
			}
			if len(f.daemons) == 0 || len(f.daemons) < 5 && rapid.IntRange(0, 9).Draw(t, "joins") == 0 {
				f.join(rapid.IntRange(1, 60).Draw(t, "demand"))
			}
			d := rapid.SampledFrom(f.daemons).Draw(t, "daemon")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				d.demand = rapid.IntRange(1, 60).Draw(t, "new demand")
			case 1:
				f.renew(t, ctx, d, false)
			case 2: // it dies, and another one takes its place
				*d = daemon{id: newID(), demand: d.demand}
			case 3, 4, 5, 6:
				f.renew(t, ctx, d, true)
			}
			for _, d := range f.daemons {
				f.send(t, d)
			}
		}
	})
}

// upset sets the clock of the database or empties the tables. A daemon that holds a share
// is the next that renews it: the table alone cannot tell.
func (f *fleet) upset(t *rapid.T, ctx context.Context) {
	by := rapid.SampledFrom([]time.Duration{0, time.Minute, -time.Minute, 24 * time.Hour, -24 * time.Hour}).Draw(t, "set by")
	f.skew += by
	if by == 0 {
		_, err := f.pool.Exec(ctx, `DELETE FROM tasksync.budgets WHERE credential = $1`, f.credential)
		require.NoError(t, err)
	}
	for _, d := range f.daemons {
		if d.holds(f.now) {
			f.renew(t, ctx, d, rapid.Bool().Draw(t, "answered"))
			return
		}
	}
	for _, d := range f.daemons { // all leases have ended; so have the windows
		d.share = 0
	}
	f.now = f.now.Add(leaseTime + f.window)
}

// rounds lets each living daemon renew and send every second and a half.
func (f *fleet) rounds(t *testing.T, d time.Duration, living ...*daemon) {
	t.Helper()
	for end := f.now.Add(d); f.now.Before(end); f.now = f.now.Add(renewEvery) {
		for _, d := range living {
			f.renew(t, t.Context(), d, true)
			f.send(t, d)
		}
	}
}

func TestSharesFollowDemand(t *testing.T) {
	t.Parallel()
	f := newFleet(postgrestest.Pool(t), 20, 10*time.Second)
	one := f.join(20)
	f.rounds(t, 2*time.Second, one)
	require.Equal(t, 20, one.share, "who is alone has all that it wants")
	two, three := f.join(20), f.join(2)
	f.rounds(t, time.Minute, one, two, three)
	require.Equal(t, []int{9, 9, 2}, []int{one.share, two.share, three.share})
	two.demand = 1
	f.rounds(t, time.Minute, one, two, three)
	require.Equal(t, 17, one.share)
	require.GreaterOrEqual(t, two.share, 1)
	require.GreaterOrEqual(t, three.share, 2)
}

func TestADeadDaemonsShareIsFreeAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(postgrestest.Pool(t), 20, 10*time.Second)
	dying, living := f.join(20), f.join(20)
	f.rounds(t, time.Minute, dying, living)
	require.Equal(t, 10, living.share)
	died := f.now
	for living.share < 20 {
		f.rounds(t, renewEvery, living)
		require.Less(t, f.now.Sub(died), 15*time.Second+2*renewEvery)
	}
}

// fakeGate is a gate that wants all.
type fakeGate struct {
	mu           sync.Mutex
	told, closed time.Time
	outs         chan int
}

func (*fakeGate) Demand() int { return 100 }

func (*fakeGate) Used() int { return 3 }

func (g *fakeGate) ShareOut(share int, _ time.Time) { g.outs <- share }

func (g *fakeGate) ClosedUntil() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.told
}

func (g *fakeGate) CloseUntil(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = until
}

func newFakeGate() *fakeGate { return &fakeGate{outs: make(chan int, 100)} }

func TestHolderAppliesItsShareAndGivesItBack(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	gate := newFakeGate()
	h := New(Config{DB: pool, Credential: "the credential", Requests: 20, Window: 10 * time.Second, Gate: gate})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	require.Equal(t, 20, <-gate.outs)
	require.Eventually(t, func() bool { return h.Share() == 20 }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	last := -1
	for len(gate.outs) > 0 {
		last = <-gate.outs
	}
	require.Zero(t, last)
	require.Zero(t, h.Share())
	var held bool
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT until > clock_timestamp() FROM tasksync.budget_shares`).Scan(&held))
	require.False(t, held)
	next := newFakeGate()
	New(Config{DB: pool, Credential: "the credential", Requests: 20, Window: 10 * time.Second, Gate: next}).runOnce(t.Context())
	require.Equal(t, 17, <-next.outs, "what the other one has not sent is free at once")
}

// Each daemon hears what the provider has told one of them.
func TestAllHoldersClose(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	holder := func(g *fakeGate) *Holder {
		return New(Config{DB: pool, Credential: "the credential", Requests: 20, Window: 10 * time.Second, Gate: g})
	}
	one, two := newFakeGate(), newFakeGate()
	one.told = time.Now().Add(time.Minute)
	first, second := holder(one), holder(two)
	second.runOnce(t.Context())
	require.Zero(t, two.closed)
	first.runOnce(t.Context())
	second.runOnce(t.Context())
	require.WithinDuration(t, one.told, two.closed, 10*time.Second)
	require.Zero(t, two.ClosedUntil(), "what it has from another it does not tell")
	two.closed = time.Time{}
	one.told = time.Time{}
	second.runOnce(t.Context())
	require.NotZero(t, two.closed, "it stands")
}

// Without the database a holder keeps its share until its lease ends, says so once, and
// has a share again when the database is back.
func TestHolderWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	var log bytes.Buffer
	h := New(Config{
		DB: pool, Credential: "the credential", Requests: 20, Window: 10 * time.Second, Gate: newFakeGate(),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	h.runOnce(t.Context())
	require.Equal(t, 20, h.Share())
	away, err := pgxpool.New(t.Context(), pool.Config().ConnString())
	require.NoError(t, err)
	away.Close()
	h.cfg.DB = away
	h.runOnce(t.Context())
	require.Equal(t, 20, h.Share(), "its last share")
	require.Empty(t, h.Trouble())
	h.answered = h.answered.Add(-useTime) // the lease ends
	for range 3 {
		h.runOnce(t.Context())
	}
	require.Zero(t, h.Share())
	require.Contains(t, h.Trouble(), "no share of the rate limit")
	require.Equal(t, 1, strings.Count(log.String(), "trying again"), log.String())
	require.Equal(t, 1, strings.Count(log.String(), "has ended"), log.String())
	h.cfg.DB = pool
	h.runOnce(t.Context())
	require.Equal(t, 20, h.Share())
	require.Empty(t, h.Trouble())
	require.Contains(t, log.String(), "works again")
}

// A role that may not use the table of shares makes calls all the same, and says so:
// rows must not wait for an operator.
func TestWithoutTheTableADaemonGoesAlone(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"no right on a table": `REVOKE ALL ON tasksync.budgets FROM CURRENT_USER`,
		"no table":            `DROP TABLE tasksync.budget_shares CASCADE`,
		"no function":         `DROP FUNCTION tasksync.fair_share CASCADE`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, gate := postgrestest.Pool(t), newFakeGate()
			var log bytes.Buffer
			h := New(Config{
				DB: pool, Credential: "the credential", Requests: 20, Window: 10 * time.Second, Gate: gate,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			h.runOnce(t.Context())
			require.Equal(t, 20, <-gate.outs)
			_, err := pool.Exec(t.Context(), sql)
			require.NoError(t, err)
			for range 3 {
				h.runOnce(t.Context())
				require.Equal(t, 20, <-gate.outs)
			}
			require.Empty(t, h.Trouble())
			require.Equal(t, 20, h.Share())
			require.Equal(t, 1, strings.Count(log.String(), "cannot be shared"), log.String())
		})
	}
}
