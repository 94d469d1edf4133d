package postgres

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestStartAndStop(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	require.Equal(t, 1, query[int](t, s.URL(), "select 1"))
	require.Equal(t, "logical", query[string](t, s.URL(), "show wal_level"))
	require.Equal(t, "off", query[string](t, s.URL(), "show fsync"))
	require.Equal(t, s.bin.major(), query[string](t, s.URL(), "select current_setting('server_version_num')::int / 10000 || ''"))
	require.NotEmpty(t, s.Version())
	require.FileExists(t, filepath.Join(s.BinDir(), "initdb"))

	require.NoError(t, s.Err())
	require.NoError(t, s.Stop())
	<-s.Done()
	require.NoError(t, s.Err())
	require.False(t, alive(s.pid()))
	require.NoDirExists(t, s.cluster.dir)
	require.False(t, portTaken(s.port))
	require.NoError(t, s.Stop(), "Stop is idempotent")
	require.ErrorIs(t, s.Restart(t.Context()), ErrStopped)
}

func TestStopIsNotHeldUpByClients(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "begin")
	require.NoError(t, err)
	require.NoError(t, s.Stop())
	require.Error(t, conn.Ping(t.Context()))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{Durable: true, Settings: map[string]string{"work_mem": "7MB", "app.it": `it's a \ n`}})
	require.Equal(t, "7MB", query[string](t, s.URL(), "show work_mem"))
	require.Equal(t, `it's a \ n`, query[string](t, s.URL(), "show app.it"))
	require.Equal(t, "on", query[string](t, s.URL(), "show fsync"))
	require.Equal(t, "on", query[string](t, s.URL(), "show full_page_writes"))
}

func TestConnecting(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	address, err := s.CreateDatabase(t.Context(), `an "odd" name`)
	require.NoError(t, err)
	require.Equal(t, `an "odd" name`, query[string](t, address, "select current_database()"))
	_, err = s.CreateDatabase(t.Context(), `an "odd" name`)
	require.Error(t, err)

	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(superuser, "guessed")
	_, err = pgx.Connect(t.Context(), u.String())
	require.True(t, isWrongPassword(err), "strangers are refused: %v", err)
}

func TestRestartKeepsPortAndData(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	addr := s.Addr()
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "create table kept as select 42 as n")
	require.NoError(t, err)

	require.NoError(t, s.Restart(t.Context()))
	require.Error(t, conn.Ping(t.Context()), "the restart cuts sessions")
	require.Equal(t, addr, s.Addr())
	require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))

	require.NoError(t, s.Halt())
	require.NoError(t, s.Halt())
	_, err = pgx.Connect(t.Context(), s.URL())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, s.Resume(t.Context()))
	require.NoError(t, s.Resume(t.Context()))
	require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))
	select {
	case <-s.Done():
		t.Fatal("a restart is not an end")
	default:
	}
}

func TestCrashIsSeen(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	require.NoError(t, syscall.Kill(s.pid(), syscall.SIGKILL))
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the end of Postgres was not noticed")
	}
	require.ErrorContains(t, s.Err(), "killed")
	// The backends of a killed postmaster hold its shared memory until they notice.
	require.Eventually(t, func() bool { return s.Resume(t.Context()) == nil }, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, 1, query[int](t, s.URL(), "select 1"))
}

func TestDirIsKeptAndUsedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openFolder(t), "made", "by us")
	s := startServer(t, Config{Dir: dir})
	conn, err := pgx.Connect(t.Context(), s.URL())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "create table kept as select 42 as n")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))

	_, err = Start(t.Context(), Config{Dir: dir})
	require.ErrorContains(t, err, "postmaster.pid", "the log tells that it is in use")
	require.NoError(t, s.Stop())

	s = startServer(t, Config{Dir: dir})
	require.Equal(t, 42, query[int](t, s.URL(), "select n from kept"))
	require.NoError(t, s.Stop())

	_, err = Start(t.Context(), Config{Dir: dir, Version: "99"})
	require.ErrorContains(t, err, "not 99")
	require.NoError(t, os.Remove(filepath.Join(dir, "password")))
	_, err = Start(t.Context(), Config{Dir: dir})
	require.ErrorContains(t, err, "data of another program")
}

func TestStartTellsTheLog(t *testing.T) {
	t.Parallel()
	temp := openFolder(t)
	_, err := Start(t.Context(), Config{tempDirs: []string{temp}, Settings: map[string]string{"shared_buffers": "many"}})
	require.ErrorContains(t, err, `invalid value for parameter "shared_buffers"`)
	requireEmpty(t, temp)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Config{Version: "15.3"})
	require.ErrorContains(t, err, "Version")
	_, err = Start(t.Context(), Config{Settings: map[string]string{"a b": ""}})
	require.ErrorContains(t, err, "Settings")
}

// A Start whose context ends leaves nothing behind, whenever that is.
func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	errCause := errors.New("enough")
	for name, within := range map[string]time.Duration{"before": -1, "at initdb": 0, "in initdb": 200 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := openFolder(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			if within < 0 {
				cancel(errCause)
			}
			s, err := Start(ctx, Config{tempDirs: []string{temp}, Progress: func(string) {
				time.AfterFunc(within, func() { cancel(errCause) })
			}})
			if err == nil { // it was faster than the timer
				require.NoError(t, s.Stop())
			} else {
				require.ErrorIs(t, err, errCause)
			}
			requireEmpty(t, temp)
		})
	}
}

// A start that still waits for readiness ends with its context, and stops Postgres.
func TestCancelledWaitStopsPostgres(t *testing.T) {
	t.Parallel()
	s := startServer(t, Config{})
	require.NoError(t, s.Halt())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Resume(ctx), context.Canceled)
	require.False(t, alive(s.pid()))
	require.NoError(t, s.Resume(t.Context()))
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}
