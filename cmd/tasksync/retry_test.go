package main

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

func TestRetryRequest(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	const id = "11111111-1111-4111-8111-111111111111"
	for name, c := range map[string]struct {
		cmd   retryCmd
		since time.Time
		err   string
	}{
		"nothing":    {retryCmd{}, time.Time{}, "name the rows"},
		"dry":        {retryCmd{DryRun: true}, time.Time{}, "name the rows"},
		"an id":      {retryCmd{IDs: []string{id}}, time.Time{}, ""},
		"no id":      {retryCmd{IDs: []string{id, "abc"}}, time.Time{}, `"abc" is not the id`},
		"a code":     {retryCmd{Code: "API_ERROR"}, time.Time{}, ""},
		"unasked":    {retryCmd{Unasked: true}, time.Time{}, ""},
		"a duration": {retryCmd{Since: "24h"}, now.Add(-24 * time.Hour), ""},
		"a time":     {retryCmd{Since: "2026-11-28T00:00:00Z"}, time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), ""},
		"no time":    {retryCmd{Since: "yesterday"}, time.Time{}, "neither a duration"},
		"the future": {retryCmd{Since: "-24h"}, time.Time{}, "neither a duration"},
	} {
		req, err := c.cmd.request(now)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.since, req.Since, name)
	}
}

func TestRetryCommand(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	defer pool.Close()
	var id string
	require.NoError(t, pool.QueryRow(t.Context(), `INSERT INTO music_generations (task_id, task_type, status, error_code, error_message)
		VALUES ('t', 'merge', 'failed', 'API_ERROR', 'Task timed out after 10 minutes.') RETURNING id`).Scan(&id))
	status := func() (s string) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT status FROM music_generations`).Scan(&s))
		return s
	}
	retry := func(args ...string) (code int, output string) {
		var out strings.Builder
		code = run(append([]string{"retry"}, args...), &out, &out)
		return code, out.String()
	}
	code, out := retry("--database-url", url, "--unasked", "--dry-run")
	require.Zero(t, code, out)
	require.Contains(t, out, "1 failed rows would be made pending again")
	require.Equal(t, "failed", status())

	code, out = retry("--database-url", url, id, "22222222-2222-4222-8222-222222222222")
	require.Zero(t, code, out)
	require.Contains(t, out, "1 of the ids name no failed row")
	require.Contains(t, out, "1 failed rows are pending again")
	require.Equal(t, "submitted", status())

	code, out = retry("--database-url", url)
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "--unasked")
	code, _ = retry("--database-url", "", id)
	require.Equal(t, exitUsage, code)
}
