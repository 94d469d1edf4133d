// Package budget shares the limit of a credential among the daemons of a database.
//
// The limit belongs to the credential, not to the process. A daemon holds a share of
// it by a lease in table tasksync.budget_shares, which it renews every second and a
// half: function tasksync.renew_share divides the limit by demand, and gives out no
// slot that another daemon may have used less than a window ago. So the sum of
// what is sent in any window never exceeds the limit, whatever joins, dies, hangs or comes
// back. No request to a provider costs a request to Postgres.
//
//	Demand() ──▶ renew_share ──▶ Apply(share, until)
//	             no answer: the share ends with the lease
package budget

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"tasksync/internal/wait"
	"tasksync/queries"
)

// Config says what is shared.
type Config struct {
	DB queries.DBTX
	// Credential names what the limit belongs to, without being it.
	Credential string
	// Requests may be sent in any span of Window, by all daemons together.
	Requests int
	Window   time.Duration
	// Demand is how many requests this daemon would send in a window, if it could.
	Demand func() int
	// Apply sets this daemon's share, in requests per window, and the time after
	// which it is 0. It is called by Run only.
	Apply  func(share int, until time.Time)
	Logger *slog.Logger // default: none
}

const (
	// leaseTime is how long a share is held without an answer of the database. Then a
	// dead daemon's share is free again after this and a window.
	leaseTime = 5 * time.Second
	// renewEvery is how far apart renewals are: three may get lost.
	renewEvery = 1500 * time.Millisecond
	// renewTimeout bounds one renewal.
	renewTimeout = 2 * time.Second
	// releaseTimeout bounds the last statement of a daemon that stops.
	releaseTimeout = time.Second
)

// Holder holds one daemon's share of one credential.
type Holder struct {
	cfg     Config
	id      string
	queries *queries.Queries
	failing bool
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

// Run holds a share until ctx ends, and then gives it back.
func (h *Holder) Run(ctx context.Context) error {
	defer h.release(ctx)
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
	share, err := h.queries.ShareRenew(renewCtx, h.cfg.DB, h.params(pgtype.Timestamptz{}))
	if err == nil {
		h.failing = false
		h.cfg.Apply(int(share), sent.Add(leaseTime))
		return
	}
	if ctx.Err() != nil {
		return
	}
	if !h.failing {
		h.cfg.Logger.Warn("[TaskSync] Renewing the share of the rate limit failed; trying again", "error", err)
	}
	h.failing = true
}

func (h *Holder) params(at pgtype.Timestamptz) queries.ShareRenewParams {
	return queries.ShareRenewParams{
		Credential: h.cfg.Credential, Holder: h.id,
		Demand: int32(min(max(1, h.cfg.Demand()), h.cfg.Requests)), Requests: int32(h.cfg.Requests), //nolint:gosec // small numbers
		WindowMs: h.cfg.Window.Milliseconds(), LeaseMs: leaseTime.Milliseconds(), At: at,
	}
}

func (h *Holder) release(ctx context.Context) {
	h.cfg.Apply(0, time.Time{})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	_ = h.queries.ShareRelease(ctx, h.cfg.DB, queries.ShareReleaseParams{Credential: h.cfg.Credential, Holder: h.id}) // else it ends by itself
}
