package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// channel is where the triggers announce rows.
const channel = "tasksync"

// notifyFeed hears of new rows by LISTEN. The order is listen, sweep, consume: a
// row that is inserted before the LISTEN is found by the sweep, one that is
// inserted after it is announced, and one in between by both.
type notifyFeed struct {
	connConfig *pgx.ConnConfig
	collector  *collector
	logger     *slog.Logger
	metrics    *feedMetrics
	state      func(reason string) // "" when the feed is up
	// heartbeat is the longest silence before the connection is checked; the
	// check takes as long at most. A dead connection is noticed within both.
	heartbeat time.Duration
}

// run keeps a listening connection until ctx ends.
func (f *notifyFeed) run(ctx context.Context) error {
	wait := 100 * time.Millisecond
	for {
		began := time.Now()
		err := f.listen(ctx)
		f.metrics.up.Set(0)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > maxBackoff {
			wait = 100 * time.Millisecond // it had worked for a while
		}
		f.state("feed is down: " + err.Error())
		f.logger.Warn("[TaskSync] Feed is down; connecting again", "error", err, "retry_in", wait)
		if sleep(ctx, wait/2+rand.N(wait/2+1)) != nil { //nolint:gosec // jitter
			return nil
		}
		wait = min(2*wait, maxBackoff)
	}
}

// listen is one connection's life.
func (f *notifyFeed) listen(ctx context.Context) error {
	connectCtx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(connectCtx, f.connConfig)
	if err != nil {
		return errors.New(redactDSN(err, f.connConfig.ConnString()))
	}
	defer closeConn(conn)
	if _, err := conn.Exec(connectCtx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen %q: %w", channel, err)
	}
	swept, err := f.sweep(ctx)
	if err != nil {
		return err
	}
	f.collector.remember(swept)
	f.state("")
	f.metrics.up.Set(1)
	f.logger.Info("[TaskSync] Listening for new rows", "feed", "notify", "swept", len(swept))
	for {
		if err := f.consume(ctx, conn); err != nil {
			return err
		}
	}
}

// sweepTimeout bounds the sweep of a new connection; what it got done by then
// stays done, and the next one goes on.
const sweepTimeout = 20 * time.Second

func (f *notifyFeed) sweep(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	return f.collector.to.Sweep(ctx, 0)
}

// consume waits for one notification, or checks that the connection lives.
func (f *notifyFeed) consume(ctx context.Context, conn *pgx.Conn) error {
	waitCtx, cancel := context.WithTimeout(ctx, f.heartbeat)
	n, err := conn.WaitForNotification(waitCtx)
	cancel()
	switch {
	case err == nil:
		f.metrics.notifications.Inc()
		f.collector.add(n.Payload)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case pgconn.Timeout(err) && !conn.IsClosed():
		pingCtx, cancel := context.WithTimeout(ctx, f.heartbeat)
		defer cancel()
		if err := conn.Ping(pingCtx); err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
		return nil
	default:
		return fmt.Errorf("wait for notification: %w", err)
	}
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing more is wanted of it
}
