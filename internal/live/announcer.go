package live

import (
	"context"
	"time"

	"tasksync/internal/wait"
	"tasksync/queries"
)

const (
	// announcePause is the time between two announcements. An announcement stands for
	// all commits of a pause.
	announcePause = 50 * time.Millisecond
	// announceTimeout bounds one announcement.
	announceTimeout = 2 * time.Second
)

// Announcer tells the brokers of all daemons that events may have committed, so
// that they read at once and not only after their Interval. It does so after the
// commit and outside of the writer's transaction, so that no writer is delayed. It
// sends no notification while no broker has a connection.
type Announcer struct {
	db      queries.DBTX
	queries *queries.Queries
	due     chan struct{} // has a token when there is something to announce
	pause   time.Duration
}

// NewAnnouncer makes an Announcer. db must be safe for concurrent use, as a pool is.
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

// Run announces until ctx ends, and then returns nil. It announces a commit at once,
// or else when the pause after the last announcement is over. Calls of Announce are
// lost after Run has ended, and while the database is away.
func (a *Announcer) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.due:
		}
		a.announce(ctx)
		_ = wait.For(ctx, a.pause) // the loop sees the end of ctx
	}
}

// announce ignores errors: a lost notification costs at most a broker's Interval.
func (a *Announcer) announce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	_ = a.queries.EventAnnounce(ctx, a.db)
}
