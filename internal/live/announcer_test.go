package live

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// announcer returns an Announcer that runs until the test ends.
func (b *bundle) announcer(pause time.Duration) *Announcer {
	a := NewAnnouncer(b.pool)
	a.pause = pause
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { require.NoError(b, a.Run(ctx)) })
	b.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return a
}

// ear returns a connection that listens, without being a broker.
func (b *bundle) ear() *pgx.Conn {
	b.Helper()
	conn, err := pgx.ConnectConfig(b.Context(), b.pool.Config().ConnConfig)
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err = conn.Exec(b.Context(), `LISTEN tasksync_events; LISTEN tasksync_end`)
	require.NoError(b, err)
	return conn
}

// heard returns the number of announcements since the last call.
func (b *bundle) heard(ear *pgx.Conn) (n int) {
	b.Helper()
	b.exec(`NOTIFY tasksync_end`)
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	for {
		told, err := ear.WaitForNotification(ctx)
		require.NoError(b, err)
		if told.Channel == "tasksync_end" {
			return n
		}
		n++
	}
}

// TestNoSubscriberNoNotification: neither the commit of an event nor its
// announcement sends a notification before a broker has subscribers, nor when none
// is left.
func TestNoSubscriberNoNotification(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP TRIGGER commit_is_announced ON tasksync.generation_events`)
	ear, announcer := b.ear(), NewAnnouncer(b.pool)
	broker := b.running(func(broker *Broker) { broker.bounds.idle = 100 * time.Millisecond })
	for range 2 {
		b.event(b.pool, newID())
		announcer.announce(t.Context())
		require.Zero(t, b.heard(ear))

		s, _ := b.subscribe(broker, newID(), "")
		b.event(b.pool, newID())
		require.Zero(t, b.heard(ear), "a commit by itself sends no notification")
		announcer.announce(t.Context())
		require.Equal(t, 1, b.heard(ear))
		s.Close()
		b.eventually(func() bool { return b.connections() == 0 })
	}
}

// TestAnnouncedAcrossDaemons: two brokers hear of a commit by the announcer of a
// third daemon, and one of them still does when the other has ended.
func TestAnnouncedAcrossDaemons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP TRIGGER commit_is_announced ON tasksync.generation_events`)
	announcer := b.announcer(time.Millisecond)
	first, second := b.broker(), b.broker()
	stop := b.run(first)
	b.run(second)
	user := newID()
	one, _ := b.subscribe(first, user, "")
	other, _ := b.subscribe(second, user, "")
	id := b.event(b.pool, user)
	announcer.Announce()
	for _, s := range []*Subscription{one, other} {
		require.Equal(t, id, b.next(s).Events[0].ID)
	}
	stop()
	id = b.event(b.pool, user)
	announcer.Announce()
	require.Equal(t, id, b.next(other).Events[0].ID)
}

// TestAnnouncementsAreFolded: announcements keep their distance, however much
// commits, and the last commit is announced.
func TestAnnouncementsAreFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP TRIGGER commit_is_announced ON tasksync.generation_events`)
	const pause = 100 * time.Millisecond
	ear, announcer, broker := b.ear(), b.announcer(pause), b.running()
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	began := time.Now()
	var last int64
	for range 300 {
		last = b.event(b.pool, user)
		announcer.Announce()
	}
	ids, _ := b.follow(s, last)
	require.Len(t, ids, 300)
	require.LessOrEqual(t, b.heard(ear), int(time.Since(began)/pause)+2) // the first, and one under way
}

// TestAnnouncementsGoOn: one is made after another was lost.
func TestAnnouncementsGoOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`DROP TRIGGER commit_is_announced ON tasksync.generation_events`)
	announcer, broker := b.announcer(time.Millisecond), b.running()
	user := newID()
	s, _ := b.subscribe(broker, user, "")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	announcer.announce(gone) // lost
	id := b.event(b.pool, user)
	announcer.Announce()
	require.Equal(t, id, b.next(s).Events[0].ID)
}
