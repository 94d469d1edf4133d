package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"tasksync/daemon"
	"tasksync/internal/postgres"
	"tasksync/internal/simulator"
	"tasksync/task"
)

// archiveRows are complete after a look each, with two songs of archiveSize bytes.
const (
	archiveRows = 100
	archiveSize = 8 << 20
)

// archiveChild is the variable that makes the bench be the daemon alone, so that its memory
// can be told from that of the servers: DATABASE_URL, API and TASKSYNC_ARCHIVE in a line each.
const archiveChild = "BENCH_ARCHIVE_DAEMON"

// archiving measures how many files per second a daemon copies, and its memory.
func archiving(ctx context.Context, server *postgres.Server) error {
	url, pool, err := database(ctx, server, "archive")
	if err != nil {
		return err
	}
	defer pool.Close()
	upstream := httptest.NewUnstartedServer(nil)
	sim := simulator.New(simulator.Config{Seed: 1, Speed: math.Inf(1), AudioSize: archiveSize, MediaURL: "http://" + upstream.Listener.Addr().String()})
	upstream.Config.Handler = sim
	upstream.Start()
	defer upstream.Close()
	bucket := httptest.NewServer(http.HandlerFunc(discard))
	defer bucket.Close()
	ids := make([]string, archiveRows)
	for i := range ids {
		ids[i] = sim.Submit(task.Generate, simulator.Success)
	}
	if err := insertPending(ctx, pool, ids); err != nil {
		return err
	}
	address := "s3://songs?endpoint=" + bucket.URL + "&public_url=" + bucket.URL + "/songs"
	began := time.Now()
	child, err := startArchiveChild(ctx, url, upstream.URL, address)
	if err != nil {
		return err
	}
	defer child.Wait()                                           //nolint:errcheck // it was killed
	defer child.Process.Kill()                                   //nolint:errcheck // likewise
	for left := 1; left > 0; time.Sleep(50 * time.Millisecond) { //nolint:forbidigo // a measurement polls
		err := pool.QueryRow(ctx, `SELECT $1 - count(*) FROM tasksync.archived_files WHERE state = 'archived'`, 2*archiveRows).Scan(&left)
		if err != nil {
			return err
		}
	}
	took := time.Since(began).Seconds()
	fmt.Printf("\narchive, %d files of %d MB over HTTP, from the start of the daemon\n", 2*archiveRows, archiveSize>>20)
	fmt.Printf("  %.1f files/s, %.0f MB/s; the daemon's memory was %s at most\n", 2*archiveRows/took, 2*archiveRows*archiveSize/took/1e6, peak(child.Process.Pid))
	return nil
}

func startArchiveChild(ctx context.Context, settings ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), archiveChild+"="+strings.Join(settings, "\n"), "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench")
	child.Stderr = os.Stderr
	return child, child.Start()
}

// archiveDaemon is the child.
func archiveDaemon(ctx context.Context, settings string) error {
	parts := strings.Split(settings, "\n")
	return daemon.Run(ctx, daemon.Config{
		DatabaseURL: parts[0], Providers: unlimited(parts[1]), ArchiveURL: parts[2], ArchiveFiles: []string{"audio"},
		ListenAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peak returns the most memory that a process had; Linux tells it.
func peak(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := highWater.FindSubmatch(text)
	if err != nil || m == nil {
		return "unknown"
	}
	return string(m[1]) + " kB"
}

// discard is a bucket that takes everything and keeps nothing.
func discard(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("ETag", `"0"`)
	switch {
	case r.Method == http.MethodPost && r.URL.Query().Has("uploads"):
		_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`)
	case r.Method == http.MethodPost:
		_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>songs</Bucket><Key>x</Key><ETag>"0"</ETag></CompleteMultipartUploadResult>`)
	}
}
