package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"tasksync/internal/postgres"
)

// transaction finishes one generation as a careful programmer would write it by
// hand: lock the row, write its two clips, its status and its event, commit.
const transaction = `
BEGIN;
SELECT generation_id AS g, clip_1 AS c1, clip_2 AS c2 FROM bench_rows WHERE n = (SELECT nextval('bench_seq')) \gset
SELECT id, task_id, task_type, status, created_at FROM music_generations WHERE id = :g::uuid AND status IN ('submitted', 'queued', 'processing', 'streaming') FOR NO KEY UPDATE;
SELECT id, clip_id, status, title, audio_url FROM music_clips WHERE generation_id = :g::uuid;
UPDATE music_clips SET clip_id = id::text, status = 'complete', title = 'A song of the bench', audio_url = 'https://audio.example/r/' || id || '.mp3', stream_audio_url = 'https://audio.example/s/' || id, image_url = 'https://audio.example/i/' || id || '.jpeg', lyrics = E'[Verse]\none line\nanother line', tags = 'ambient, piano', model_name = 'chirp-crow', duration = 154.68, updated_at = now() WHERE id IN (:c1::uuid, :c2::uuid);
UPDATE music_generations SET status = 'complete', updated_at = now(), completed_at = now() WHERE id = :g::uuid;
INSERT INTO tasksync.generation_events (generation_id, from_status, to_status, via, upstream_status) VALUES (:g::uuid, 'submitted', 'complete', 'poll', 'SUCCESS');
COMMIT;
`

const benchRows = `
CREATE SEQUENCE bench_seq;
CREATE TABLE bench_rows AS
SELECT row_number() OVER () AS n, generation_id, min(id::text)::uuid AS clip_1, max(id::text)::uuid AS clip_2
FROM music_clips GROUP BY generation_id;
CREATE UNIQUE INDEX ON bench_rows (n);
ANALYZE bench_rows`

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// runPgbench measures how many of the same rows pgbench finishes per second.
func runPgbench(ctx context.Context, server *postgres.Server, pgbench string, o options) (perSecond float64, err error) {
	url, pool, err := database(ctx, server, "pgbench")
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	_, ids, _ := instantUpstream(o.rows)
	if err := insertPending(ctx, pool, ids); err != nil {
		return 0, err
	}
	if _, err := pool.Exec(ctx, benchRows); err != nil {
		return 0, err
	}
	each := strconv.Itoa(o.rows / o.clients)
	return pgbenchRate(ctx, pgbench, transaction, "--client", strconv.Itoa(o.clients), "--transactions", each, url)
}

// pgbenchRate runs the script of a transaction with pgbench and returns the transactions
// per second.
func pgbenchRate(ctx context.Context, pgbench, script string, args ...string) (perSecond float64, err error) {
	args = append([]string{"--no-vacuum", "--protocol=prepared", "--jobs=2", "--file=-"}, args...)
	cmd := exec.CommandContext(ctx, pgbench, args...) //nolint:gosec // the path is from findPgbench
	cmd.Stdin = strings.NewReader(script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%w: %.500s", err, stderr.String())
	}
	m := tps.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("no tps in its output:\n%s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
