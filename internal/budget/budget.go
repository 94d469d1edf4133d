// Package budget shares the limit of a credential among the daemons of a database.
//
// The limit belongs to the credential, not to the process. A daemon holds a share of
// it by a lease in table tasksync.budget_shares, which it renews every second and a
// half: function tasksync.renew_share divides the limit by demand, and gives out no
// slot that another daemon may have used less than a window ago. So the sum of
// what is sent in any window never exceeds the limit, whatever joins, dies, hangs or comes
// back, and while the clock of the database is set or its tables are emptied. No request
// to a provider costs a request to Postgres.
//
//	demand, what it holds ──▶ renew_share ──▶ share, until when
//	                          no answer: the share ends with the lease
//
// By the same way the daemons tell each other until when a provider wants no requests.
package budget

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"tasksync/internal/database"
	"tasksync/internal/wait"
	"tasksync/queries"
)

// Gate is what keeps to a share. An [upstream.Client] is one.
type Gate interface {
	// Demand is how many requests would be sent in a window, if that were possible.
	Demand() int
	// Used is how many requests were sent in the last window.
	Used() int
	// ShareOut sets the share, in requests per window, and the time after which it is 0.
	ShareOut(share int, until time.Time)
	// ClosedUntil is until when the provider has told this gate to send nothing.
	ClosedUntil() time.Time
	// CloseUntil closes the gate, because the provider has told another one.
	CloseUntil(until time.Time)
}

// Config says what is shared.
type Config struct {
	DB queries.DBTX
	// Credential names what the limit belongs to, without being it.
	Credential string
	// Requests may be sent in any span of Window, by all daemons together.
	Requests int
	Window   time.Duration
	Gate     Gate
	Logger   *slog.Logger // default: none
}

const (
	// leaseTime is how long the database keeps a share for a daemon that is silent. So a
	// dead daemon's share is free again after this and a window.
	leaseTime = 5 * time.Second
	// useTime is how long a daemon uses its share without an answer of the database. It is
	// shorter, because a call is written and arrives a little after its slot was taken.
	useTime = 4 * time.Second
	// renewEvery is how far apart renewals are: one may get lost.
	renewEvery = 1500 * time.Millisecond
	// renewTimeout bounds one renewal.
	renewTimeout = 2 * time.Second
	// releaseTimeout bounds the last statement of a daemon that stops.
	releaseTimeout = time.Second
)

// Holder holds one daemon's share of one credential. Share and Trouble are safe for
// concurrent use.
type Holder struct {
	cfg     Config
	id      string
	queries *queries.Queries

	mu       sync.Mutex
	share    int
	answered time.Time // when the last renewal that was answered was sent; zero: none was
	failure  error     // of the last renewal
	alone    error     // why the table of shares is of no use; nil: it is
	ended    bool      // the log says that the lease has ended
	disagree bool      // likewise that another daemon has another limit
}

// New returns a holder without a share.
func New(cfg Config) *Holder {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Holder{cfg: cfg, id: newID(), queries: queries.New()}
}

// newID is a random (version 4) UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Share is how many requests in a window this daemon may send now.
func (h *Holder) Share() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shareAt(time.Now())
}

func (h *Holder) shareAt(now time.Time) int {
	if h.answered.IsZero() || now.Sub(h.answered) >= useTime {
		return 0
	}
	return h.share
}

// Trouble tells why this daemon has no share; empty: it has one, or the others need
// the limit.
func (h *Holder) Trouble() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		return ""
	}
	return fmt.Sprintf("no share of the rate limit, so that no calls are made, because the database does not renew it: %s", h.failure)
}

// Run holds a share until ctx ends, and then gives it back.
func (h *Holder) Run(ctx context.Context) error {
	defer h.release(ctx)
	_ = h.queries.BudgetDeleteOld(ctx, h.cfg.DB) // else the next daemon does
	for {
		h.runOnce(ctx)
		if err := wait.For(ctx, renewEvery); err != nil {
			return nil
		}
	}
}

// runOnce renews the lease. The lease is counted from before the statement was sent,
// so that it ends here no later than in the database.
func (h *Holder) runOnce(ctx context.Context) {
	sent := time.Now()
	renewCtx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	row, err := h.queries.ShareRenew(renewCtx, h.cfg.DB, h.params(sent))
	switch {
	case err == nil:
		h.apply(row, sent)
	case ctx.Err() == nil && unusable(err):
		h.goAlone(err, sent)
	case ctx.Err() == nil:
		h.unanswered(err)
	}
}

// unusable reports whether the database has no table of shares for this role: tries do
// not mend that, and rows must not wait for it.
func unusable(err error) bool {
	switch database.Code(err) {
	case database.InsufficientPrivilege, database.UndefinedTable, database.UndefinedFunction:
		return true
	}
	return false
}

// goAlone takes the whole limit, as the only daemon may, and says so. The daemon stays
// ready: it does its work.
func (h *Holder) goAlone(err error, sent time.Time) {
	h.cfg.Gate.ShareOut(h.cfg.Requests, sent.Add(useTime))
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.alone == nil {
		h.cfg.Logger.Error("[TaskSync] The rate limit cannot be shared with other daemons; this one uses all of it", "error", err,
			"hint", "give the role USAGE on schema tasksync, and all rights on its tables; `tasksync migrate up` makes those that are missing")
	}
	h.share, h.answered, h.alone = h.cfg.Requests, sent, err
}

func (h *Holder) params(now time.Time) queries.ShareRenewParams {
	h.mu.Lock()
	defer h.mu.Unlock()
	return queries.ShareRenewParams{
		Credential: h.cfg.Credential, Holder: h.id,
		Demand: number(min(h.cfg.Gate.Demand(), h.cfg.Requests)), Requests: number(h.cfg.Requests),
		WindowMs: inMs(h.cfg.Window), LeaseMs: inMs(leaseTime),
		Held: number(h.share), SinceMs: pgtype.Int8{Int64: inMs(now.Sub(h.answered)), Valid: !h.answered.IsZero()},
		ToldMs: inMs(max(0, h.cfg.Gate.ClosedUntil().Sub(now))),
	}
}

func number(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) } //nolint:gosec // bounded

// inMs rounds up: no window may be too short.
func inMs(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// apply takes over what the database has answered to a renewal sent at that time.
func (h *Holder) apply(row queries.ShareRenewRow, sent time.Time) {
	h.cfg.Gate.ShareOut(int(row.Share), sent.Add(useTime))
	if row.ClosedMs > 0 {
		h.cfg.Gate.CloseUntil(time.Now().Add(time.Duration(row.ClosedMs) * time.Millisecond))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure != nil {
		h.cfg.Logger.Info("[TaskSync] Renewing the share of the rate limit works again", "share", row.Share)
	}
	if !row.Agreed && !h.disagree {
		h.cfg.Logger.Warn("[TaskSync] Another daemon on this database has another rate limit for the same credential; the lower one counts",
			"requests", h.cfg.Requests, "window", h.cfg.Window.String(), "hint", "give all daemons the same TASKSYNC_RATE_LIMIT")
	}
	h.share, h.answered, h.failure, h.ended, h.disagree = int(row.Share), sent, nil, false, !row.Agreed
	h.alone = nil
}

// unanswered notes that a renewal has failed, and logs once that it did and once that
// the lease has ended.
func (h *Holder) unanswered(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failure == nil {
		h.cfg.Logger.Warn("[TaskSync] Renewing the share of the rate limit failed; trying again", "error", err)
	}
	h.failure = err
	if now := time.Now(); !h.ended && (h.answered.IsZero() || now.Sub(h.answered) >= useTime) {
		h.ended = true
		h.cfg.Logger.Error("[TaskSync] The share of the rate limit has ended; calls wait until the database renews it", "error", err)
	}
}

func (h *Holder) release(ctx context.Context) {
	h.cfg.Gate.ShareOut(0, time.Time{})
	h.mu.Lock()
	h.share = 0
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = h.queries.ShareRelease(ctx, h.cfg.DB, queries.ShareReleaseParams{
		Credential: h.cfg.Credential, Holder: h.id, Used: number(h.cfg.Gate.Used()),
	}) // else it ends by itself
}
