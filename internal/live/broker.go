package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"tasksync/internal/view"
	"tasksync/internal/wait"
	"tasksync/queries"
)

var (
	// ErrFull is returned by Subscribe when the broker has MaxSubscribers.
	ErrFull = errors.New("too many subscribers")
	// ErrUserFull is returned by Subscribe when the user has MaxPerUser. It wraps
	// ErrFull.
	ErrUserFull = fmt.Errorf("%w of one user", ErrFull)
	// ErrUser is returned by Subscribe for a text that is not the id of a user.
	ErrUser = errors.New("user id: not a UUID in lower case")
	// ErrClosing is returned by Subscribe once Run has ended, and by the Err of
	// a subscription that ended with it.
	ErrClosing = errors.New("live updates are closing")
	// ErrSlow is returned by the Err of a subscription that was ended because
	// its batches were not taken in time.
	ErrSlow = errors.New("subscriber is too slow")
)

// Config is what a Broker needs.
type Config struct {
	ConnConfig *pgx.ConnConfig       // required
	Logger     *slog.Logger          // default: discard
	Registerer prometheus.Registerer // default: none
	Show       view.Options          // how rows are shown
	// Interval is the longest time between two steps while there are
	// subscribers; default 1 s. Notifications make steps come sooner, but behind a
	// transaction pooler they may not arrive.
	Interval       time.Duration
	MaxSubscribers int // default 5000
	MaxPerUser     int // default 50
	// Buffer is how many batches a subscription may be behind before it is ended;
	// default 16.
	Buffer int
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Interval = cmp.Or(c.Interval, time.Second)
	c.MaxSubscribers = cmp.Or(c.MaxSubscribers, 5000)
	c.MaxPerUser = cmp.Or(c.MaxPerUser, 50)
	c.Buffer = cmp.Or(c.Buffer, 16)
	return c
}

// Broker hands each user's events to that user's subscriptions. Subscribe is safe
// for concurrent use; Run is called once.
type Broker struct {
	cfg     Config
	queries *queries.Queries
	metrics *metrics
	bounds  bounds

	mu        sync.Mutex
	users     map[string]map[*Subscription]bool // the subscriptions that have not ended, by user
	total     int                               // the number of subscriptions that have not ended
	accounts  map[string]*account               // of the users with subscriptions that are not closed
	open      int                               // the number of subscriptions that are not closed
	joining   []*Subscription                   // the subscriptions that no step has taken up yet
	lastEnd   time.Time                         // when a subscription last ended
	interrupt context.CancelFunc                // ends the wait for the next step
	emptied   bool                              // the last subscription has ended since the last wait began
	closed    bool                              // Run has ended
	arrived   chan struct{}                     // has a token after a subscription was added

	// Used by Run's goroutine alone:
	at          cursor       // the joined subscriptions have what it sees
	stuck       int          // steps in a row that failed on a connection that works, or took too long
	interrupted bool         // a connection was lost or not made, and no step has succeeded since
	complained  time.Time    // when an unreadable backlog or row was last logged
	backoff     wait.Backoff // between connections
}

// bounds are sizes and times that only tests change.
type bounds struct {
	joined      int           // new events in a step, above which the joined subscriptions resume one by one
	missed      int           // events that one subscription may have missed, above which it is reset
	chunk       int           // resuming subscriptions in one query
	attempts    int           // to read one backlog, after which its subscription is reset
	budget      int           // events in a step, above which no further chunk is read
	views       int           // generations in one query
	missedBytes int           // bytes of the events that one subscription may have missed, above which it is reset
	userBytes   int           // bytes that a user's subscriptions may hold
	pause       time.Duration // between steps
	refresh     time.Duration // after which a subscription gets a new cursor without events
	idle        time.Duration // after which a connection without subscriptions is closed
	step        time.Duration // that one step may take
	join        time.Duration // in a step, after which no further backlog is read
	backlog     time.Duration // that one statement for backlogs may take
	backoff     time.Duration // the longest between two connections
	stuck       int           // steps in a row that failed, after which all subscriptions are reset
}

func defaultBounds() bounds {
	return bounds{
		joined: 5000, missed: 1000, chunk: 100, attempts: 3, budget: 5000, views: 100, missedBytes: 4 << 20, userBytes: 16 << 20,
		pause: 50 * time.Millisecond, refresh: 30 * time.Second, idle: time.Minute,
		step: 10 * time.Second, join: 500 * time.Millisecond, backlog: time.Second, backoff: 10 * time.Second, stuck: 3,
	}
}

// New makes a Broker.
func New(cfg Config) *Broker {
	cfg = cfg.withDefaults()
	return &Broker{
		cfg: cfg, queries: queries.New(), metrics: newMetrics(cfg.Registerer), bounds: defaultBounds(),
		users: make(map[string]map[*Subscription]bool), accounts: make(map[string]*account), arrived: make(chan struct{}, 1),
	}
}

var userPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Subscribe follows the events of a user from since on, which is the cursor of a
// batch, or from now on if since is "". The first batch comes as soon as the broker
// can read, even if it is empty. It is a Reset if the cursor is of no use. The error
// is ErrUser, ErrFull, ErrUserFull or ErrClosing. The caller has to call Done for the
// batches that it takes, and Close: until then the subscription counts against
// MaxSubscribers and MaxPerUser.
func (b *Broker) Subscribe(userID, since string) (*Subscription, error) {
	if !userPattern.MatchString(userID) {
		return nil, ErrUser
	}
	s := &Subscription{broker: b, user: userID, batches: make(chan Batch, b.cfg.Buffer)}
	s.startFrom(since)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, ErrClosing
	case b.open >= b.cfg.MaxSubscribers:
		return nil, ErrFull
	case b.accounts[userID] != nil && b.accounts[userID].open >= b.cfg.MaxPerUser:
		return nil, ErrUserFull
	}
	b.add(s)
	return s, nil
}
