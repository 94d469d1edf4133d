package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/simulator"
)

// TestCommandsOfPages runs every block of commands and of SQL in the README and in docs,
// page by page and in order, in one shell for each page, on a database of the page's own.
// A block is not run only if a comment before it says why. See standIns for what stands
// in for other programs, and replaced for what pages call by an example's name.
func TestCommandsOfPages(t *testing.T) {
	t.Parallel()
	bin := binOfPages(t)
	for _, page := range append(pages(t), "CONTRIBUTING.md", "deploy/README.md") {
		blocks := slices.DeleteFunc(blocksOf(t, page), func(b block) bool {
			require.NotContains(t, []string{"bash", "shell", "console", "psql"}, b.language, "%s: use sh or sql", b)
			return b.notRun != "" || b.language != "sh" && b.language != "sql"
		})
		if len(blocks) == 0 {
			continue
		}
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			newPageRun(t, bin).run(t, blocks)
		})
	}
}

// binOfPages makes a folder with the stand-ins.
func binOfPages(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for name := range standIns {
		text := fmt.Sprintf("#!/bin/sh\n%s=%s exec %q \"$@\"\n", asStandIn, name, os.Args[0])
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(text), 0o700)) //nolint:gosec // it is to be executed
	}
	return bin
}

// pageRun is what the commands of one page run in.
type pageRun struct {
	bin, database, upstream string
	api, admin, simulated   string // addresses that the page calls by example ones
	server                  *httptest.Server
	starts                  chan *pendingStart
	running                 map[string]*process // by command
}

type pendingStart struct {
	startRequest
	done chan struct{}
}

func newPageRun(t *testing.T, bin string) *pageRun {
	t.Helper()
	sim := simulator.New(simulator.Config{Seed: worldSeed, Speed: math.Inf(1)})
	upstream := httptest.NewServer(sim)
	r := &pageRun{
		bin: bin, database: postgrestest.Empty(t), upstream: upstream.URL, api: freeAddress(t), admin: freeAddress(t), simulated: freeAddress(t),
		starts: make(chan *pendingStart), running: map[string]*process{},
	}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() {
		sim.Close()
		upstream.Close()
		r.server.CloseClientConnections()
		r.server.Close()
	})
	return r
}

// freeAddress returns an address where nothing listens. Its port is below those of outgoing
// connections and those of Postgres in tests, so that nothing takes it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", 5000+rand.IntN(10_000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// ServeHTTP takes the requests of stand-ins to start a command.
func (r *pageRun) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s := &pendingStart{done: make(chan struct{})}
	if err := json.NewDecoder(req.Body).Decode(&s.startRequest); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case r.starts <- s:
	case <-req.Context().Done():
		return
	}
	select {
	case <-s.done:
	case <-req.Context().Done():
	}
}

// start starts a command that keeps running, in place of the one that ran before, and
// returns when it serves.
func (r *pageRun) start(t *testing.T, s *pendingStart) {
	t.Helper()
	defer close(s.done)
	name := strings.Replace(s.Args[0], stopDaemon, "run", 1)
	if p := r.running[name]; p != nil {
		p.stop(t)
	}
	if s.Args[0] == stopDaemon {
		return
	}
	settings := map[string]string{}
	for _, entry := range s.Env {
		name, value, _ := strings.Cut(entry, "=")
		settings[name] = value
	}
	settings[asStandIn] = ""
	r.running[name] = start(t, settings, s.Args...)
	if name == "run" {
		r.running[name].ready(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), worldPatience)
	defer cancel()
	require.NoError(t, awaitServer(ctx, "http://"+r.simulated+"/"))
}

// replaced puts what the test has in place of the names in examples.
func (r *pageRun) replaced(text string) string {
	return strings.NewReplacer(
		"postgres://user:password@host:5432/name", r.database,
		"http://localhost:8080", "http://"+r.api, "http://127.0.0.1:9464", "http://"+r.admin, "localhost:9090", r.simulated,
	).Replace(text)
}

// environment is what a reader has set before, so that a page need not say it again.
func (r *pageRun) environment(t *testing.T) []string {
	t.Helper()
	const secret = "secret-of-the-tokens-in-the-pages"
	claims := jwt.MapClaims{"sub": "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11", "aud": "authenticated", "exp": time.Now().Add(time.Hour).Unix()}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	require.NoError(t, err)
	return append(os.Environ(), "PATH="+r.bin+":"+os.Getenv("PATH"), pageServer+"="+r.server.URL, "NO_COLOR=1",
		"DATABASE_URL="+r.database, "TASKSYNC_API_KEY=key-of-the-pages", "TASKSYNC_API_URL="+r.upstream, "TASKSYNC_RATE_LIMIT=0",
		"TASKSYNC_LISTEN_ADDR="+r.api, "TASKSYNC_ADMIN_ADDR="+r.admin, "TASKSYNC_JWT_SECRET="+secret, "TOKEN="+token, "TASKSYNC_CDN_PROBE=off")
}

// script is the page as one script. Before each block it prints where the block stands.
func (r *pageRun) script(blocks []block) string {
	var b strings.Builder
	b.WriteString("set -euo pipefail\n")
	for _, block := range blocks {
		fmt.Fprintf(&b, "echo '== %s'\n", block)
		if block.language == "sh" {
			b.WriteString(r.replaced(block.text))
			continue
		}
		fmt.Fprintf(&b, "psql \"$DATABASE_URL\" <<'END_OF_THE_BLOCK'\n%sEND_OF_THE_BLOCK\n", r.replaced(block.text))
	}
	return b.String()
}

// folderOfPage returns a folder that looks like the repository, so that files which a
// command writes stay out of it.
func folderOfPage(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	from, err := filepath.Abs(root)
	require.NoError(t, err)
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, os.Symlink(filepath.Join(from, e.Name()), filepath.Join(folder, e.Name())))
	}
	return folder
}

// run runs the blocks and starts what they ask for.
func (r *pageRun) run(t *testing.T, blocks []block) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*worldPatience)
	defer cancel()
	out := &bytes.Buffer{}
	cmd := exec.CommandContext(ctx, "bash", "-c", r.script(blocks))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folderOfPage(t), r.environment(t), out, out
	cmd.WaitDelay = time.Second
	ended := make(chan error, 1)
	require.NoError(t, cmd.Start())
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-r.starts:
			r.start(t, s)
		case err := <-ended:
			require.NoError(t, err, out.String())
			t.Log(out.String())
			return
		}
	}
}
