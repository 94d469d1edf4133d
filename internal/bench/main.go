// Command bench measures what tasksync is designed for, on one private Postgres
// with fsync on: what each feed costs the writers, how soon a new row's task is
// asked for, and how many generations are finished per second, beside pgbench,
// which finishes the same rows in one transaction each. It prints the results with
// the machine and the versions. Run `make bench`. With -only looks it plays the looks
// at rows in virtual time, and needs no Postgres.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/postgres"
)

type options struct {
	inserts int
	rows    int
	clients int
	only    string
	rounds  int
	seconds int
	match   *regexp.Regexp
	at      []int
	svg     string
}

func main() {
	var o options
	flag.IntVar(&o.inserts, "inserts", 200, "rows inserted one by one for the latency")
	flag.IntVar(&o.rows, "rows", 20_000, "pending rows for the throughput")
	flag.IntVar(&o.clients, "clients", 32, "pgbench clients")
	flag.StringVar(&o.only, "only", "", "writers: measure the writers only; adopt: compare an adopted table with the plain ones only; archive: copy files of 8 MB only; looks: play the looks in virtual time only, without Postgres")
	flag.StringVar(&o.svg, "svg", "", "draw the looks of a learnt model into that file, and do nothing else")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of the writers' table, of which the medians are shown")
	flag.IntVar(&o.seconds, "seconds", 3, "length of each measurement of the writers")
	match := flag.String("match", "", "measure only those writers whose name matches, beside those without a trigger; or those worlds of looks")
	flag.Parse()
	o.match, o.at = regexp.MustCompile(*match), []int{1, 8, 32}
	if *match != "" {
		o.at = []int{o.clients}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

func run(ctx context.Context, o options) error {
	switch {
	case os.Getenv(archiveChild) != "":
		return archiveDaemon(ctx, os.Getenv(archiveChild))
	case o.svg != "":
		return drawLooks(o.svg)
	case o.only == "looks":
		return playLooks(os.Stdout, o.match)
	default:
		return bench(ctx, o)
	}
}

func bench(ctx context.Context, o options) error {
	server, err := postgres.Start(ctx, postgres.Config{Durable: true, Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "4GB", "synchronous_commit": "on",
	}})
	if err != nil {
		return err
	}
	defer server.Stop() //nolint:errcheck // the results are printed
	pgbench, err := findPgbench(ctx, server.BinDir())
	if err != nil {
		return err
	}
	describe(server, o)
	if o.only == "archive" {
		return archiving(ctx, server)
	}
	if o.only == "adopt" {
		return adoption(ctx, server, pgbench, o)
	}
	if err := writers(ctx, server, pgbench, o); err != nil {
		return fmt.Errorf("writers: %w", err)
	}
	if o.only == "writers" {
		return nil
	}
	if err := latency(ctx, server, o.inserts); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	instant, err := throughput(ctx, server, "instant", o.rows, instantUpstream)
	if err != nil {
		return fmt.Errorf("throughput: %w", err)
	}
	overHTTP, err := throughput(ctx, server, "http", o.rows, simulatorUpstream)
	if err != nil {
		return fmt.Errorf("throughput over HTTP: %w", err)
	}
	alone, err := runPgbench(ctx, server, pgbench, o)
	if err != nil {
		return fmt.Errorf("pgbench: %w", err)
	}
	fmt.Printf("\nfinished rows per second, %d pending rows of two clips each\n", o.rows)
	fmt.Printf("  %-58s %8.0f/s  ratio %.2f\n", "tasksync, instant upstream in process, cohorts of 100", instant, instant/alone)
	fmt.Printf("  %-58s %8.0f/s  ratio %.2f\n", "tasksync, instant simulator over HTTP, one call per row", overHTTP, overHTTP/alone)
	fmt.Printf("  %-58s %8.0f/s\n", fmt.Sprintf("pgbench, one transaction per row, %d clients", o.clients), alone)
	fmt.Println("  each writes what the daemon does: two clips, the status and the event; no session listens for events, so none is notified")
	return nil
}

func describe(server *postgres.Server, o options) {
	fmt.Println(machine())
	fmt.Printf("software  Postgres %s (fsync on), %s\n", server.Version(), runtime.Version())
	fmt.Printf("command   go run ./internal/bench -inserts %d -rows %d -clients %d -rounds %d -seconds %d\n", o.inserts, o.rows, o.clients, o.rounds, o.seconds)
}

func machine() string {
	return fmt.Sprintf("machine   %s, %d cores, %s/%s", cpu(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func findPgbench(ctx context.Context, binDir string) (string, error) {
	if path := filepath.Join(binDir, "pgbench"); exec.CommandContext(ctx, path, "--version").Run() == nil {
		return path, nil
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		return "", errors.New("pgbench was not found beside Postgres nor in PATH; install it (Debian: postgresql) and try again")
	}
	return path, nil
}

// database makes a migrated database, and returns its address and a pool on it.
func database(ctx context.Context, server *postgres.Server, name string) (string, *pgxpool.Pool, error) {
	url, err := server.CreateDatabase(ctx, name)
	if err != nil {
		return "", nil, err
	}
	return migrated(ctx, url)
}
