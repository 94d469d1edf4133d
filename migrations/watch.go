package migrations

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tasksync/internal/wait"
)

// watchEvery spaces the looks of watch.
const watchEvery = 2 * time.Second

// watch says for whom an index waits that is being built concurrently: for every
// transaction that is older. It keeps no writer waiting, but may take as long as they
// do. The result ends it.
func (m *Migrator) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		said := make(map[string]bool)
		for wait.For(ctx, watchEvery) == nil && len(said) < 20 {
			if text := m.holder(ctx); text != "" && !said[text] {
				said[text] = true
				m.warn(text)
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// holder describes the transaction that an index waits for; "" if there is none, or
// if that cannot be told: it is only said.
func (m *Migrator) holder(ctx context.Context) string {
	var index, kind string
	var pid int
	var since *time.Time
	err := m.pool.QueryRow(ctx, `
		SELECT coalesce(c.relname, ''), a.pid, concat_ws(', ', 'role ' || a.usename, nullif(a.application_name, ''), a.state), a.xact_start
		FROM pg_catalog.pg_stat_progress_create_index AS p
		JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.current_locker_pid
		LEFT JOIN pg_catalog.pg_class AS c ON c.oid = p.index_relid
		WHERE p.datname = current_database() AND p.relid IN (to_regclass('public.music_generations'), to_regclass('public.music_clips'))
		LIMIT 1`).Scan(&index, &pid, &kind, &since)
	if err != nil {
		return ""
	}
	text := fmt.Sprintf("waits to finish index %s, while writers go on, for process %d (%s)", index, pid, kind)
	if since != nil {
		text += ", in a transaction since " + since.UTC().Format(time.DateTime) + " UTC"
	}
	return text
}
