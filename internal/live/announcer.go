package live

import (
	"context"
	"time"

	"tasksync/queries"
)

const (
	// announcePause spaces announcements: what commits meanwhile is told by one.
	announcePause = 50 * time.Millisecond
	// announceTimeout bounds one of them.
	announceTimeout = 2 * time.Second
)

// Announcer tells the brokers of all daemons that events may have committed, so
// that they look at once and not within their Interval. It does so after the
// commit and beside it, which delays no writer, and writes nothing while no broker
// has subscribers.
type Announcer struct {
	db      queries.DBTX
	queries *queries.Queries
	due     chan struct{} // has a token when there is something to announce
	pause   time.Duration
}

// NewAnnouncer makes an Announcer. db is safe for concurrent use: a pool.
func NewAnnouncer(db queries.DBTX) *Announcer {
	return &Announcer{db: db, queries: queries.New(), due: make(chan struct{}, 1), pause: announcePause}
}

// Announce is to be called after each commit that may have written events. It does
// not wait, and is safe for concurrent use.
func (a *Announcer) Announce() {
	select {
	case a.due <- struct{}{}:
	default:
	}
}

// Run announces until ctx ends, the first commit after a pause at once. It
// returns nil. What is announced later, or while the database is away, is not
// told.
func (a *Announcer) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.due:
		}
		a.announce(ctx)
		sleep(ctx, a.pause)
	}
}

// announce takes no error seriously: brokers look by themselves.
func (a *Announcer) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	_ = a.queries.EventAnnounce(ctx, a.db) // a hint that is lost costs an Interval
}
