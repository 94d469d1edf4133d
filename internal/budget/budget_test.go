package budget

import (
	"context"
	"slices"
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
	id     string
	demand int
	share  int
	until  time.Time
	sent   []time.Time
}

// mayUse is the daemon's share at that time.
func (d *daemon) mayUse(now time.Time) int {
	if now.Before(d.until) {
		return d.share
	}
	return 0
}

// send sends as many as the share and the last window permit.
func (d *daemon) send(now time.Time, window time.Duration) (n int) {
	recent := 0
	for _, at := range d.sent {
		if at.After(now.Add(-window)) {
			recent++
		}
	}
	for ; recent < min(d.mayUse(now), d.demand); recent++ {
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
	daemons    []*daemon
	all        []time.Time // what was sent, by all
}

func (f *fleet) renew(t require.TestingT, ctx context.Context, d *daemon, answered bool) {
	share, err := queries.New().ShareRenew(ctx, f.pool, queries.ShareRenewParams{
		Credential: f.credential, Holder: d.id, Demand: int32(d.demand), Requests: int32(f.requests), //nolint:gosec // small numbers
		WindowMs: f.window.Milliseconds(), LeaseMs: leaseTime.Milliseconds(), At: pgtype.Timestamptz{Time: f.now, Valid: true},
	})
	require.NoError(t, err)
	if answered {
		d.share, d.until = int(share), f.now.Add(leaseTime)
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
				d.id, d.share, d.sent = newID(), 0, nil
			case 3, 4, 5, 6:
				f.renew(t, ctx, d, true)
			}
			for _, d := range f.daemons {
				f.send(t, d)
			}
		}
	})
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

func TestHolderAppliesItsShareAndGivesItBack(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	shares := make(chan int, 100)
	h := New(Config{
		DB: pool, Credential: "the credential", Requests: 20, Window: 10 * time.Second,
		Demand: func() int { return 100 }, Apply: func(share int, _ time.Time) { shares <- share },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	require.Equal(t, 20, <-shares)
	cancel()
	require.NoError(t, <-done)
	last := -1
	for len(shares) > 0 {
		last = <-shares
	}
	require.Zero(t, last)
	var held bool
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT until > clock_timestamp() FROM tasksync.budget_shares`).Scan(&held))
	require.False(t, held)
}
