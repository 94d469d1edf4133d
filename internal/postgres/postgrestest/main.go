package postgrestest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"tasksync/internal/postgres"

	"github.com/stretchr/testify/require"
)

// urlEnv names a server to use instead of a private one.
const urlEnv = "TASKSYNC_TEST_DATABASE_URL"

// versionEnv asks for a major version of Postgres, as `make test PG=18` does.
const versionEnv = "TASKSYNC_TEST_PG"

func config() postgres.Config { return postgres.Config{Version: os.Getenv(versionEnv)} }

// shared is the server of this test binary. It is package state because TestMain can pass nothing to
// tests in another way.
var shared sharedServer

type sharedServer struct {
	start  sync.Once
	server *postgres.Server // nil before the first test asks, and with urlEnv
	err    error
}

// Main is for TestMain. It runs the tests, stops the server, checks for leaked goroutines, and exits.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = cmp.Or(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintln(os.Stderr, "goleak:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// adminURL returns the address of the server for a superuser.
func (s *sharedServer) adminURL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(urlEnv); url != "" {
		return url
	}
	s.start.Do(func() {
		// Not the test's context: the server outlives the test.
		s.server, s.err = postgres.Start(context.Background(), config())
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server.URL()
}

func (s *sharedServer) stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// Server returns a private server that the test may restart or stop. It has no databases yet.
func Server(t testing.TB) *postgres.Server {
	t.Helper()
	return ServerWith(t, nil)
}

// ServerWith is Server with further lines of postgresql.conf.
func ServerWith(t testing.TB, settings map[string]string) *postgres.Server {
	t.Helper()
	cfg := config()
	cfg.Settings = settings
	s, err := postgres.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}
