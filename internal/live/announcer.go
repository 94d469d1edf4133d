package live

import (
	"context"
	"time"

	"tasksync/internal/wait"
	"tasksync/queries"
)

const (
	// announcePause spaces announcements: one tells of all commits of a pause.
	announcePause = 50 * time.Millisecond
	// announceTimeout bounds one announcement.
	announceTimeout = 2 * time.Second
)

// Announcer tells the brokers of all daemons that events may have committed, so
// that they read at once and not within their Interval. It does so after the
// commit and outside its transaction, so that no writer is delayed, and not at all
// while no broker has subscribers.
type Announcer struct {
	db      queries.DBTX
	queries *queries.Queries
	due     chan struct{} // has a token when there is something to announce
	pause   time.Duration
}

// NewAnnouncer makes an Announcer. db must be safe for concurrent use: a pool.
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
// returns nil. Calls of Announce after that, or while the database is away, are
// lost.
func (a *Announcer) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.due:
		}
		a.announce(ctx)
		_ = wait.For(ctx, a.pause) // the loop asks ctx
	}
}

// announce ignores errors: a lost notification costs a broker's Interval.
func (a *Announcer) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	_ = a.queries.EventAnnounce(ctx, a.db)
}
