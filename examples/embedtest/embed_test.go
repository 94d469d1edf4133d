package embedtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

const key = "key-of-the-test"

// build builds the program.
func build(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "embed")
	goCommand(t, "build", "-buildvcs=false", "-o", path, ".")
	return path
}

// goCommand runs the Go command on the program, with the modules of this module:
// nothing is downloaded, and the two go.mod files must agree.
func goCommand(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = "../embed"
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "if its go.mod is behind ours: go -C examples/embed mod tidy\n%s", out)
}

// TestProviderOutsideThisModule: a provider of a program's own passes the suite.
func TestProviderOutsideThisModule(t *testing.T) {
	t.Parallel()
	goCommand(t, "test", "-count=1", ".")
}

// provider is the remixer: a task is being mixed at the first call, and finished at
// the second.
type provider struct {
	mu    sync.Mutex
	asked map[string]int
}

// ServeHTTP implements http.Handler.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	p.mu.Lock()
	p.asked[id]++
	n := p.asked[id]
	p.mu.Unlock()
	answer := map[string]any{"state": "mixing"}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+key:
		w.WriteHeader(http.StatusUnauthorized)
		answer = map[string]any{"error": "who are you?"}
	case id == "broken":
		answer = map[string]any{"state": "broken", "error": "no source"}
	case n > 1:
		answer = map[string]any{"state": "finished", "tracks": []any{track(id, 1), track(id, 2)}}
	}
	_ = json.NewEncoder(w).Encode(answer) // the client is gone
}

func track(id string, n int) map[string]any {
	return map[string]any{"title": fmt.Sprintf("%s, take %d", id, n), "audioUrl": fmt.Sprintf("https://audio.example/%s-%d.mp3", id, n), "duration": 12.5}
}

// log holds the standard error of the program.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// run starts the program. It is interrupted with the test, and must exit with 0.
func run(t *testing.T, path string, env ...string) *log {
	t.Helper()
	out := &log{}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), out)
		require.NotContains(t, out.String(), key)
	})
	return out
}

// insert inserts a row like an application, with a placeholder for each of its two
// clips.
func insert(t *testing.T, pool *pgxpool.Pool, taskID, provider string) (id string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `
		WITH g AS (INSERT INTO music_generations (task_id, task_type, provider) VALUES ($1, 'remix', nullif($2, '')) RETURNING id),
		     c AS (INSERT INTO music_clips (generation_id, clip_id) SELECT g.id, $1 || '-remix-' || n FROM g, generate_series(0, 1) n)
		SELECT id FROM g`, taskID, provider).Scan(&id))
	return id
}

// TestEmbed: rows of the program's own task type and provider are finished.
func TestEmbed(t *testing.T) {
	t.Parallel()
	path := build(t)
	mux := http.NewServeMux()
	mux.Handle("GET /remixes/{id}", &provider{asked: map[string]int{}})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	database := postgrestest.URL(t)
	pool, err := pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	out := run(t, path, "DATABASE_URL="+database, "REMIXER_URL="+server.URL, "REMIXER_KEY="+key, "LISTEN_ADDR=127.0.0.1:0")
	good, named, broken := insert(t, pool, "good", ""), insert(t, pool, "named", "remixer"), insert(t, pool, "broken", "")
	for id, want := range map[string]string{
		good:   `complete: good, take 1 https://audio.example/good-1.mp3 12.5; good, take 2 https://audio.example/good-2.mp3 12.5`,
		named:  `complete: named, take 1 https://audio.example/named-1.mp3 12.5; named, take 2 https://audio.example/named-2.mp3 12.5`,
		broken: `failed: `,
	} {
		become(t, pool, out, id, want)
	}
}

// become waits until a row and its clips are as wanted.
func become(t *testing.T, pool *pgxpool.Pool, out *log, id, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var got string
		err := pool.QueryRow(ctx, `
			SELECT status || ': ' || coalesce((
				SELECT string_agg(concat_ws(' ', title, audio_url, duration), '; ' ORDER BY clip_id) FROM music_clips
				WHERE generation_id = g.id AND status = 'complete'), '')
			FROM music_generations g WHERE id = $1`, id).Scan(&got)
		if err == nil && got == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Equal(t, want, got, "%v\n%s", err, out)
			require.NoError(t, ctx.Err(), out)
		}
	}
}
