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

	"tasksync/queries"
)

var (
	// ErrFull is returned by Subscribe when the broker has as many subscribers
	// as it takes.
	ErrFull = errors.New("too many subscribers")
	// ErrUserFull is returned by Subscribe when one user has as many as one may
	// have. It is an ErrFull too.
	ErrUserFull = fmt.Errorf("%w of one user", ErrFull)
	// ErrUser is returned by Subscribe for what is not the id of a user.
	ErrUser = errors.New("user id: not a UUID in lower case")
	// ErrClosing is returned by Subscribe once Run has ended, and by the Err of
	// a subscription that ended with it.
	ErrClosing = errors.New("live updates are closing")
	// ErrSlow is returned by the Err of a subscription that was ended because
	// nobody took its batches.
	ErrSlow = errors.New("subscriber is too slow")
)

// Config is what a Broker needs.
type Config struct {
	ConnConfig *pgx.ConnConfig // required
	Logger     *slog.Logger    // default: discard
	Registerer prometheus.Registerer
	// Interval is the longest time between two looks while there are
	// subscribers; default 1 s. LISTEN makes it sooner, but behind a transaction
	// pooler it may never tell of anything.
	Interval       time.Duration
	MaxSubscribers int // default 5000
	MaxPerUser     int // default 50
	// Buffer is how many batches a subscriber may be behind before it is
	// dropped; default 16.
	Buffer int
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Interval = cmp.Or(c.Interval, time.Second)
	c.MaxSubscribers = cmp.Or(c.MaxSubscribers, 5000)
	c.MaxPerUser = cmp.Or(c.MaxPerUser, 50)
	c.Buffer = cmp.Or(c.Buffer, 16)
	return c
}

// Broker tells subscribers of their users' events. Subscribe is safe for
// concurrent use; Run is called once.
type Broker struct {
	cfg     Config
	queries *queries.Queries
	metrics *metrics
	limits  limits

	mu        sync.Mutex
	users     map[string]map[*Subscription]bool // all that have not ended
	total     int
	accounts  map[string]*account // of the users of all that have not been closed
	open      int                 // how many these are
	joining   []*Subscription     // those that no step has taken up yet
	left      time.Time           // when the last one went
	interrupt context.CancelFunc  // ends the wait for the next step; nil during one
	closed    bool
	came      chan struct{} // has a token when the first subscriber came

	// Of Run's goroutine alone:
	at       cursor // where the joined subscribers stand
	stuck    int    // steps in a row that failed, though the database answers
	failures int    // connections in a row that came to nothing
}

// limits are the sizes and times that nobody configures but tests.
type limits struct {
	live    int           // events in a step, before subscribers are served one by one
	resumed int           // events for one that resumes, before it has to read anew
	chunk   int           // of those that resume, in one query
	budget  int           // events in a step, before more that resume have to wait
	views   int           // generations in one query
	batch   int           // bytes for one that resumes, before it has to read anew
	user    int           // bytes that the subscriptions of a user hold, before more that resume have to wait
	pause   time.Duration // between steps
	fresh   time.Duration // after which a cursor is renewed without events
	idle    time.Duration // after which a connection that serves nobody is closed
	step    time.Duration // for a step
	backoff time.Duration // the longest one
	stuck   int           // steps in a row that failed, before all have to read anew
}

func defaultLimits() limits {
	return limits{
		live: 5000, resumed: 1000, chunk: 100, budget: 5000, views: 100, batch: 4 << 20, user: 16 << 20,
		pause: 50 * time.Millisecond, fresh: 30 * time.Second, idle: time.Minute,
		step: 10 * time.Second, backoff: 10 * time.Second, stuck: 3,
	}
}

// New makes a Broker.
func New(cfg Config) *Broker {
	cfg = cfg.withDefaults()
	return &Broker{
		cfg: cfg, queries: queries.New(), metrics: newMetrics(cfg.Registerer), limits: defaultLimits(),
		users: make(map[string]map[*Subscription]bool), accounts: make(map[string]*account), came: make(chan struct{}, 1),
	}
}

var userPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// Subscribe follows the events of a user, from a batch's cursor on; with "" from
// now on. The first batch comes as soon as the broker can look, even if it is
// empty. A cursor that is of no use makes that batch a Reset. The error is
// ErrUser, ErrFull, ErrUserFull or ErrClosing. The caller has to Close the
// subscription, which has its place until then, and to tell it what it is Done
// with.
func (b *Broker) Subscribe(userID, since string) (*Subscription, error) {
	if !userPattern.MatchString(userID) {
		return nil, ErrUser
	}
	s := &Subscription{broker: b, user: userID, batches: make(chan Batch, b.cfg.Buffer)}
	s.from(since)
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
