package api

import (
	"context"
	"encoding/base64"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
	"tasksync/internal/view"
	"tasksync/queries"
	"tasksync/task"
)

type pageOfRows struct {
	Generations []view.Generation
	HasMore     bool `json:"has_more"`
	Next        *string
}

// page reads a page of a user.
func (b *bundle) page(user, query string) pageOfRows {
	b.Helper()
	r := b.call(http.MethodGet, generationsPath+"?"+query, token(user), "")
	require.Equal(b, http.StatusOK, r.status, r.body)
	var p pageOfRows
	r.decode(b, &p)
	require.Equal(b, p.HasMore, p.Next != nil)
	return p
}

// walk reads all pages of a user, and returns the ids of the rows.
func (b *bundle) walk(user, query string) (ids []string) {
	b.Helper()
	after := ""
	for range 1000 {
		p := b.page(user, query+"&after="+after)
		for _, g := range p.Generations {
			ids = append(ids, g.ID)
		}
		if p.Next == nil {
			return ids
		}
		after = url.QueryEscape(*p.Next)
	}
	require.Fail(b, "the pages do not end")
	return nil
}

func (b *bundle) ids(sql string, args ...any) (ids []string) {
	b.Helper()
	rows, err := b.pool.Query(context.Background(), sql, args...)
	require.NoError(b, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(b, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(b, rows.Err())
	return ids
}

// TestPages: every row of the user stands in one page, the newest first, also where times
// are equal, missing, infinite or apart by a microsecond, while rows come and go.
func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *Config) {
		words, err := task.NewStatusWords(map[task.Status]string{task.Complete: "Completed"})
		require.NoError(t, err)
		c.Show.Words = words
	})
	exec := func(sql string, args ...any) {
		_, err := b.pool.Exec(context.Background(), sql, args...)
		require.NoError(t, err)
	}
	exec(`ALTER TABLE music_generations ALTER created_at DROP NOT NULL`)
	exec(`INSERT INTO music_generations (user_id, task_id, task_type, status, created_at)
		SELECT $1, n, 'generate', (ARRAY['submitted', 'Running', 'Completed', 'complete', 'failed', 'on hold'])[1 + n % 6],
			CASE WHEN n % 7 = 0 THEN NULL WHEN n = 11 THEN 'infinity' WHEN n = 12 THEN '-infinity' WHEN n = 13 THEN '0044-03-15 BC'
			ELSE timestamptz '2026-01-01 12:00:00.123456Z' + (n / 3) * interval '1 microsecond' END
		FROM generate_series(1, 100) AS n`, alice)
	exec(`INSERT INTO music_generations (user_id, task_id, task_type, status) VALUES ($1, 'no type', NULL, 'complete')`, alice)
	const all = `SELECT id::text FROM music_generations WHERE user_id = $1 AND task_type IS NOT NULL `
	const order = ` ORDER BY created_at DESC NULLS LAST, id DESC`
	want := b.ids(all+order, alice)
	require.Len(t, want, 100)
	for _, limit := range []int{1, 7, 50, 99, 100} {
		require.Equal(t, want, b.walk(alice, "limit="+strconv.Itoa(limit)), limit)
	}
	for status, words := range map[string]string{"pending": `'submitted', 'Running'`, "complete": `'Completed', 'complete'`, "failed": `'failed'`} {
		require.Equal(t, b.ids(all+`AND status IN (`+words+`)`+order, alice), b.walk(alice, "limit=3&status="+status), status)
	}
	require.Empty(t, b.walk(bob, ""))

	p := b.page(alice, "limit=40")
	require.Len(t, b.page(alice, "").Generations, 50)
	b.insert(alice, task.Generate, "newer")
	exec(`DELETE FROM music_generations WHERE id = $1`, want[39])
	p = b.page(alice, "limit=100&after="+url.QueryEscape(*p.Next))
	require.Len(t, p.Generations, 60)
	require.Equal(t, want[40], p.Generations[0].ID, "though the last row of the page before is gone")
	require.Equal(t, "complete", b.page(alice, "status=complete&limit=1").Generations[0].Status)
}

// TestPagesAreAUsersOwn: a cursor of another user's is a place in time and nothing else,
// and parameters that make no sense are refused.
func TestPagesAreAUsersOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 {
		b.insert(alice, task.Generate, "a")
		b.insert(bob, task.Generate, "b")
	}
	after := url.QueryEscape(*b.page(alice, "limit=1").Next)
	for _, g := range b.page(bob, "after="+after).Generations {
		require.Equal(t, bob, *g.UserID)
	}
	get := func(query, bearer string) response {
		return b.call(http.MethodGet, generationsPath+"?"+query, bearer, "")
	}
	for _, odd := range []string{
		"x", "%00", "bnVsbA", after + "A", after + "%3D", url.QueryEscape("' OR 1=1 --"),
		spelled("1 zzzzzzzzzzzzzzzz " + alice), spelled("1 1y2p0ij32e8e6 " + alice), spelled("1 -1y2p0ij32e8e5 " + alice), spelled("2 - " + alice), spelled("1 - x"), spelled("1  - " + alice),
	} {
		r := get("after="+odd, token(alice))
		require.Equal(t, http.StatusBadRequest, r.status, "%s: %s", odd, r.body)
		require.Contains(t, r.detail(t), "leave it out")
	}
	for _, odd := range []string{"status=done", "limit=0", "limit=101", "limit=x"} {
		require.Equal(t, http.StatusUnprocessableEntity, get(odd, token(alice)).status, odd)
	}
	require.Equal(t, http.StatusUnauthorized, get("", "").status)
	require.Equal(t, http.StatusForbidden, get("user_id="+bob, token(alice)).status)
	require.NotContains(t, b.log.String(), "level=ERROR")
}

func spelled(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// FuzzPlace: whatever passes for a cursor, Postgres takes it, and it has one spelling.
func FuzzPlace(f *testing.F) {
	for _, p := range []place{first(), {undated: true, id: alice}, {at: math.MinInt64, id: bob}, {at: earliest, id: bob}, {at: latest, id: bob}, {at: 1_767_268_800_123_456, id: bob}} {
		f.Add(p.cursor())
	}
	f.Add(spelled("1 " + strconv.FormatInt(math.MaxInt64-1, 36) + " " + alice))
	pool := postgrestest.Pool(f)
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := parsePlace(cursor)
		if err != nil {
			require.ErrorIs(t, err, errCursor)
			return
		}
		require.Equal(t, cursor, p.cursor())
		_, err = queries.New().GenerationListByUser(t.Context(), pool, queries.GenerationListByUserParams{UserID: alice, AfterUndated: p.undated, AfterAt: p.at, AfterID: p.id, MaxRows: 2})
		require.NoError(t, err)
	})
}
