package live

import (
	"fmt"
	"os"
	"testing"
	"time"
)

func TestExplain(t *testing.T) {
	if os.Getenv("EXPLAIN") == "" {
		t.Skip()
	}
	b := setup(t)
	b.exec(`CREATE TABLE u AS SELECT gen_random_uuid() AS id, n FROM generate_series(0,4999) AS g(n)`)
	b.exec(`CREATE INDEX ON u(n)`)
	b.exec(`INSERT INTO tasksync.generation_events (generation_id,user_id,from_status,to_status,via,xid)
	  SELECT gen_random_uuid(), u.id, 'queued','processing','poll', (800+g.n)::text::xid8 FROM generate_series(1,1000000) AS g(n) JOIN u ON u.n = g.n%5000 ORDER BY g.n`)
	b.exec(`CREATE UNLOGGED TABLE burn (n int)`)
	b.exec(`DO $$ BEGIN FOR i IN 1..1000 LOOP FOR j IN 1..1001 LOOP BEGIN INSERT INTO burn VALUES (1); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; COMMIT; END LOOP; END $$`)
	if os.Getenv("EXPLAIN") == "2" {
		b.exec(`ANALYZE tasksync.generation_events`)
	}
	var snap string
	b.pool.QueryRow(b.Context(), `SELECT pg_current_snapshot()::text`).Scan(&snap)
	fmt.Println("snap", snap)
	var users []string
	rows, _ := b.pool.Query(b.Context(), `SELECT id::text FROM u LIMIT 2000`)
	for rows.Next() {
		var s string
		rows.Scan(&s)
		users = append(users, s)
	}
	rows.Close()
	b.event(b.pool, users[0])
	b.event(b.pool, users[1])
	ex := func(sql string, args ...any) {
		rows, err := b.pool.Query(b.Context(), "EXPLAIN (ANALYZE, BUFFERS) "+sql, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var s string
			rows.Scan(&s)
			if len(s) > 200 {
				s = s[:200]
			}
			fmt.Println(s)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
		fmt.Println()
	}
	_ = time.Now
	ex(eventPeekSQL, snap, users)
	ex(eventListSinceSQL, snap, users, 5001)
	var readers []int32
	var since []string
	for i := range 100 {
		readers = append(readers, int32(i))
		since = append(since, snap)
	}
	ex(eventListResumedSQL, readers, users[:100], since, 1001)
	for i := range 100 {
		since[i] = "1:1:"
	}
	ex(eventListResumedSQL, readers, users[:100], since, 1001)
}
