package feed

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

func (r *running) leads() bool { return testutil.ToFloat64(r.metrics.leader) == 1 }

// leader waits until one of feeds is the leader, and returns which.
func (b *bundle) leader(feeds ...*running) (leads int) {
	b.Helper()
	b.until("one of them leads", func() bool {
		for i, r := range feeds {
			if r.hears(Notify) {
				leads = i
				return true
			}
		}
		return false
	})
	return leads
}

// One of several feeds hands on; when it stops, another takes over at once.
func TestOneOfManyIsTheFeed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{}
	feeds := []*running{b.run(b.config(to)), b.run(b.config(to)), b.run(b.config(to))}
	for _, r := range feeds {
		b.awaitUp(r) // the followers are up too
	}
	for len(feeds) > 0 {
		leads := b.leader(feeds...)
		var ids []string
		for range 20 {
			ids = append(ids, b.insert())
		}
		b.until("they are handed on", func() bool { return to.has(ids...) })
		times := to.times()
		for _, id := range ids {
			require.Equal(t, 1, times[id], "by one of them")
		}
		for i, r := range feeds {
			require.Equal(t, i == leads, r.leads())
		}
		feeds[leads].stop()
		feeds = append(feeds[:leads:leads], feeds[leads+1:]...)
	}
	b.until("no session is left", func() bool { return b.sessions() == 0 })
}

// A leader whose connections are half open, as when its machine has lost its
// network, is replaced, and nothing is lost.
func TestHalfOpenLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{Notify, WAL} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := postgrestest.NewProxy(t, "127.0.0.1:0", b.database)
			to := &handed{find: b.findAll}
			cut := b.config(to)
			cut.Mode, cut.Session = mode, b.session(p.URL())
			first := b.run(cut)
			b.until("it hears", func() bool { return first.hears(mode) })
			other := b.config(to)
			other.Mode = mode
			second := b.run(other)
			b.awaitUp(second)
			p.FallSilent(true)
			began := time.Now()
			missed := b.insert()
			b.until("the other one hears", func() bool { return second.hears(mode) && to.has(missed) })
			t.Log("took over after", time.Since(began))
			b.until("the first one knows", func() bool { return !first.leads() })
			id := b.insert()
			b.until("it is heard of", func() bool { return to.has(id) })
			require.True(t, second.hears(mode))
		})
	}
}

// hears reports whether this feed leads, and hears of new rows as its mode says.
func (r *running) hears(mode string) bool {
	return r.leads() && (mode == WAL && r.readsWAL() ||
		mode == Notify && testutil.ToFloat64(r.metrics.states.WithLabelValues(stateListening)) == 1)
}

// A leader's session that is silent, because its process is stopped, is ended by
// the daemons that wait, and not by others.
func TestSilentLeaderIsEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to := &handed{find: b.findAll}
	f, err := New(b.config(to))
	require.NoError(t, err)
	hung, err := openSession(t.Context(), f.cfg) // it sends no heartbeats
	require.NoError(t, err)
	defer hung.close()
	leads, err := (election{f.base, hung}).tryLead(t.Context())
	require.NoError(t, err)
	require.True(t, leads)
	began := time.Now()
	r := b.run(b.config(to))
	b.awaitUp(r)
	missed := b.insert()
	b.until("it is ended and replaced", func() bool { return r.leads() && to.has(missed) })
	t.Log("took over after", time.Since(began))
	require.GreaterOrEqual(t, time.Since(began), 2*time.Second, "it had its time")
	require.InDelta(t, 1, testutil.ToFloat64(r.metrics.terminated), 0)
	require.Error(t, hung.heartbeat(t.Context()))
	require.Contains(t, b.log.String(), "fallen silent")
}
