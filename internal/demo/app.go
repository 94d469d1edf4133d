package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// The SQL of the application. Elsewhere there is no SQL in Go; this is the SQL of a
// program that knows two tables and nothing else of tasksync, and that may be
// written in any language.
const (
	insertGeneration = `INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, $2, nullif($3, '')) RETURNING id::text`
	insertClip       = `INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, $2)`
	countRows        = `SELECT coalesce(task_type, ''), status, count(*)::int FROM music_generations GROUP BY 1, 2`
	// selectSnapshot reads all columns of a row and of its clips, to see later
	// whether anything has changed.
	selectSnapshot = `SELECT jsonb_build_array(g, (SELECT jsonb_agg(c ORDER BY c.id) FROM music_clips c WHERE c.generation_id = g.id))::text
		FROM music_generations g WHERE g.id = $1`
)

// app is the application: it submits tasks, inserts rows, and reads them again.
type app struct {
	db       *pgxpool.Pool
	sim      *simulator.Simulator
	rows     []row  // what was inserted; insertAll owns it
	snapshot string // the V1 row, as it was inserted
}

// pace spaces the inserts.
const pace = 50 * time.Millisecond

// insertAll submits a task and inserts its row, one after the other.
func (a *app) insertAll(ctx context.Context) error {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i, p := range script {
		if err := a.insert(ctx, i, p); err != nil {
			return fmt.Errorf("insert a row: %w", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (a *app) insert(ctx context.Context, n int, p part) error {
	taskType := p.taskType
	if taskType == "" {
		taskType = task.Generate // the upstream knows no V1
	}
	r := row{Type: p.taskType, Fate: p.fate, Faults: p.faults, TaskID: a.sim.Submit(taskType, p.fate, p.faults...)}
	err := pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, insertGeneration, userID, r.TaskID, string(p.taskType)).Scan(&r.ID)
		for _, clipID := range placeholders(r.TaskID, p.taskType, n) {
			if err == nil {
				_, err = tx.Exec(ctx, insertClip, r.ID, clipID)
			}
		}
		return err
	})
	if err == nil && p.taskType == "" {
		err = a.db.QueryRow(ctx, selectSnapshot, r.ID).Scan(&a.snapshot)
	}
	a.rows = append(a.rows, r)
	return err
}

// placeholders are the clips that an application inserts with its n-th row, so
// that its page has something to show. Applications differ: V2 placeholders count
// from 0, V1 ones from 1, and some applications insert none at all.
func placeholders(taskID string, taskType task.Type, n int) []string {
	v1 := func(i int) string { return fmt.Sprintf("%s-clip-%d", taskID, i+1) }
	v2 := func(i int) string { return fmt.Sprintf("%s-%s-%d", taskID, taskType, i) }
	form := v2
	switch {
	case taskType == "":
		form = v1
	case n%4 == 1:
		return nil
	case n%4 == 3 && taskType != task.Lyrics: // lyrics keep the ids of their placeholders, which have the form V2
		form = v1
	}
	ids := []string{form(0)}
	if taskType != task.Replace && taskType != task.Merge {
		ids = append(ids, form(1))
	}
	return ids
}

// counts is how many rows there are in each state at a time.
type counts struct {
	inserted, pending, complete, failed int // with the V1 row in inserted only
	byType                              map[task.Type]ends
	requests                            int64
}

// ends counts rows of one type that have ended.
type ends struct{ complete, failed int }

func (a *app) count(ctx context.Context) (counts, error) {
	c := counts{byType: map[task.Type]ends{}, requests: a.sim.Requests().Total}
	rows, err := a.db.Query(ctx, countRows)
	if err != nil {
		return c, fmt.Errorf("count rows: %w", err)
	}
	var taskType, status string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&taskType, &status, &n}, func() error {
		c.add(task.Type(taskType), task.Status(status), n)
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("count rows: %w", err)
	}
	return c, nil
}

func (c *counts) add(taskType task.Type, status task.Status, n int) {
	e := c.byType[taskType]
	c.inserted += n
	switch {
	case taskType == "":
		return
	case status == task.Complete:
		c.complete += n
		e.complete += n
	case status == task.Failed:
		c.failed += n
		e.failed += n
	default:
		c.pending += n
	}
	c.byType[taskType] = e
}
