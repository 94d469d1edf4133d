package adopt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// errRollback ends a trial that went well.
var errRollback = errors.New("rolled back")

// Trial writes through the views what a daemon writes, and rolls it back. It takes a row
// with a task, or makes one up; note says why it had none. It also asks the planner whether the
// indexes are used.
func Trial(ctx context.Context, conn *pgx.Conn, p Plan, cat *Catalog) (note string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		q := queries.New()
		if err := q.TransactionSetLockTimeout(ctx, tx, "2s"); err != nil {
			return err
		}
		if err := explain(ctx, tx); err != nil {
			return err
		}
		id, err := anyRow(ctx, tx)
		if err == nil && id == "" {
			id, note = madeUpRow(ctx, tx, p, cat)
		}
		switch {
		case err != nil:
			return err
		case id == "":
			return errRollback
		}
		if err := tryStatuses(ctx, tx, q, id, p); err != nil {
			return err
		}
		if err := tryClips(ctx, tx, q, id); err != nil {
			return err
		}
		return errRollback
	})
	if errors.Is(err, errRollback) {
		err = nil
	}
	return note, err
}

// anyRow locks a row that nobody holds, and returns its id; "" if there is none.
func anyRow(ctx context.Context, tx pgx.Tx) (id string, err error) {
	const sql = `SELECT id::text FROM public.music_generations WHERE task_id <> '' LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`
	if err = tx.QueryRow(ctx, sql).Scan(&id); errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// tryStatuses writes each status that the application has a word for, and reads it.
func tryStatuses(ctx context.Context, tx pgx.Tx, q *queries.Queries, id string, p Plan) error {
	for _, s := range p.Statuses() {
		n, err := q.GenerationUpdateMany(ctx, tx, queries.GenerationUpdateManyParams{
			Ids: []string{id}, Statuses: []string{s}, Words: []string{s}, ErrorCodes: []string{"API_ERROR"}, ErrorMessages: []string{"a trial of tasksync, rolled back"},
		})
		if err != nil {
			return fmt.Errorf("a row does not take status %s: %w", s, err)
		}
		if n != 1 {
			return fmt.Errorf("a row stayed as it was when status %s was written; is there a trigger or a row security policy?", s)
		}
		rows, err := q.GenerationList(ctx, tx, []string{id})
		if err != nil {
			return fmt.Errorf("read status %s: %w", s, err)
		}
		if len(rows) != 1 || rows[0].Status != s {
			return fmt.Errorf("status %s was written and reads otherwise; does a trigger of the application's change it?", s)
		}
	}
	return nil
}

// tryClips inserts three clips, fills them and reads them.
func tryClips(ctx context.Context, tx pgx.Tx, q *queries.Queries, id string) error {
	before, err := q.ClipListByGenerations(ctx, tx, []string{id})
	if err != nil {
		return fmt.Errorf("read clips: %w", err)
	}
	const n = 3
	all := func(s string) []string { return slices.Repeat([]string{s}, n) }
	clips := queries.ClipInsertManyParams{
		GenerationIds: all(id), ClipIds: []string{"tasksync-trial-1", "tasksync-trial-2", "tasksync-trial-3"}, Statuses: all("streaming"),
		Titles: all("A trial"), AudioUrls: all(""), StreamAudioUrls: all("https://tasksync.invalid/trial"), VideoUrls: all(""), ImageUrls: all(""),
		Lyrics: all(""), Tags: all(""), ModelNames: all(""), Durations: make([]float64, n),
	}
	if written, err := q.ClipInsertMany(ctx, tx, clips); err != nil || written != n {
		return unwritten("inserted", written, err)
	}
	rows, err := q.ClipListByGenerations(ctx, tx, []string{id})
	switch {
	case err != nil:
		return fmt.Errorf("read clips: %w", err)
	case len(rows) != len(before)+n:
		return fmt.Errorf("of %d clips, %d are read", len(before)+n, len(rows))
	}
	var update queries.ClipUpdateManyParams
	for _, r := range rows {
		if !strings.HasPrefix(r.ClipID, "tasksync-trial-") {
			continue
		}
		update.Ids = append(update.Ids, r.ID)
		update.ClipIds = append(update.ClipIds, r.ClipID)
	}
	update.Statuses, update.Titles, update.AudioUrls = all("complete"), all("A trial"), all("https://tasksync.invalid/trial.mp3")
	update.StreamAudioUrls, update.VideoUrls, update.ImageUrls, update.Lyrics = all(""), all(""), all(""), all("")
	update.Tags, update.ModelNames, update.Durations = all(""), all(""), []float64{1, 1, 1}
	if written, err := q.ClipUpdateMany(ctx, tx, update); err != nil || written != n {
		return unwritten("updated", written, err)
	}
	return nil
}

func unwritten(what string, n int64, err error) error {
	if err != nil {
		return fmt.Errorf("clips cannot be %s: %w", what, err)
	}
	return fmt.Errorf("only %d clips were %s; is there a trigger or a row security policy?", n, what)
}

// explain asks the planner whether it finds rows by their ids and by their being
// pending, without reading the whole table.
func explain(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
		return err
	}
	for what, sql := range map[string]string{
		"rows by their ids":  `EXPLAIN SELECT id FROM public.music_generations WHERE id = ANY ('{7461736b-0000-8000-8000-000000000001}'::uuid[])`,
		"clips by their ids": `EXPLAIN SELECT id FROM public.music_clips WHERE generation_id = ANY ('{7461736b-0000-8000-8000-000000000001}'::uuid[])`,
		"pending rows": `EXPLAIN SELECT id FROM public.music_generations WHERE task_type IS NOT NULL
			AND lower(status COLLATE "C") = ANY (` + array(task.PendingWords()) + `) ORDER BY created_at, id LIMIT 10`,
	} {
		rows, err := tx.Query(ctx, sql)
		if err != nil {
			return fmt.Errorf("plan to find %s: %w", what, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("plan to find %s: %w", what, err)
		}
		if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "Seq Scan") && !strings.Contains(l, "adopted_state") }) {
			return fmt.Errorf("to find %s, Postgres would read the whole table; is an index of tasksync's missing or invalid?", what)
		}
	}
	_, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = on`)
	return err
}

// Waiting is what a daemon will find.
type Waiting struct {
	Rows  int64
	Since string // the day of the oldest
}

// Pending counts the rows that a daemon will ask for.
func Pending(ctx context.Context, conn *pgx.Conn) (w Waiting, err error) {
	stats, err := queries.New().GenerationPendingStats(ctx, conn, nil)
	if err != nil {
		return w, fmt.Errorf("count pending rows: %w", err)
	}
	var oldest float64
	for _, s := range stats {
		w.Rows += s.Pending
		oldest = max(oldest, s.OldestSeconds)
	}
	w.Since = time.Now().Add(-time.Duration(oldest) * time.Second).UTC().Format(time.DateOnly)
	return w, nil
}
