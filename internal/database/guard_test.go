package database

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// A trouble is told at once, then once a minute with the number of its errors, and
// once more when it is over; another one that begins within the minute waits for it.
func TestGuardTellsOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &strings.Builder{}
		guard := &Guard{Logger: slog.New(slog.NewTextHandler(log, nil))}
		readOnly := &pgconn.PgError{Code: "25006", Message: "cannot execute INSERT in a read-only transaction"}
		for range 3 * 60 * 10 {
			require.False(t, guard.keeps(readOnly))
			guard.trouble("the database is read-only")
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, 3, strings.Count(log.String(), "waiting until it takes writes"), log)
		require.Equal(t, 1, strings.Count(log.String(), "ended sessions"), log)
		require.Contains(t, log.String(), "errors=600 for=2m0s")
		require.Contains(t, guard.Trouble(), "read-only")
		guard.serves()
		require.Empty(t, guard.Trouble())
		guard.serves()
		require.Equal(t, 1, strings.Count(log.String(), "takes writes again"), log)
		log.Reset()
		for range 600 { // one session can be opened, the next cannot
			guard.trouble("once more")
			time.Sleep(50 * time.Millisecond)
			guard.serves()
			time.Sleep(50 * time.Millisecond)
		}
		require.LessOrEqual(t, strings.Count(log.String(), "\n"), 2*4, log)
	})
}

func TestWhatASessionIsWorth(t *testing.T) {
	t.Parallel()
	guard := &Guard{}
	for code, keeps := range map[string]bool{
		"25006": false, "57P01": false, "57P02": false, "57P03": false, "57P04": false, "57P05": false, "26000": false,
		"23505": true, "42501": true, "40001": true, "55P03": true, "57014": true, "P0001": true,
	} {
		require.Equal(t, keeps, guard.keeps(&pgconn.PgError{Code: code}), code)
	}
}

// While a guard tells of a trouble, what parts say of the same is for debugging only;
// what they say of something else passes.
func TestQuiet(t *testing.T) {
	t.Parallel()
	log := &strings.Builder{}
	guard := &Guard{}
	logger := slog.New(guard.Quiet(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	away := &pgconn.PgError{Code: "25006", Message: "read-only"}
	logger.Warn("before", "error", away)
	guard.trouble("it is read-only")
	logger.Warn("the same", "error", away)
	logger.With("library", "river").Error("a library", "err", "text")
	logger.Warn("a provider", "error", &url.Error{Op: "Get", URL: "u", Err: context.DeadlineExceeded})
	logger.Warn("a row", "error", &pgconn.PgError{Code: "23505"})
	logger.Warn("a bug", "error", errors.New("x"))
	for message, level := range map[string]string{"before": "WARN", "the same": "DEBUG", "a library": "DEBUG", "a provider": "WARN", "a row": "WARN", "a bug": "WARN"} {
		require.Regexp(t, "level="+level+` msg="?`+message, log.String())
	}
}
