package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// demoPart is a row to be inserted: a task of the upstream, with its fate. Its
// first status requests meet the faults, one each.
type demoPart struct {
	kind   task.Type // empty: a row of the V1 API, which nobody may touch
	fate   simulator.Fate
	faults []simulator.Fault
}

// demoScript has every task type, every way to succeed, every refusal and every
// failure of the provider but one: it takes a minute of real time until a task
// that the provider has forgotten is given up, however fast the demo runs.
var demoScript = slices.Concat( //nolint:gochecknoglobals // a constant table
	demoParts(task.Generate, simulator.Success, simulator.Ready, simulator.OneClip, simulator.LateItems,
		simulator.Regressing, simulator.Reordered, simulator.Partial, simulator.NullTitles, simulator.UUIDTitles,
		simulator.SourceAudio, simulator.CallbackException, simulator.UnknownStatus,
		simulator.RefusedArtist, simulator.RefusedCopyright, simulator.RefusedModeration, simulator.RefusedMalformed,
		simulator.RefusedPending, simulator.RefusedSilently, simulator.Invalid,
		simulator.CreateFailed, simulator.InternalError, simulator.Stuck, simulator.StuckStreaming),
	demoParts(task.Extend, simulator.Success, simulator.SourceAudio, simulator.Regressing,
		simulator.RefusedAudio, simulator.RefusedInappropriate, simulator.AudioFailed, simulator.StuckStreaming),
	demoParts(task.Replace, simulator.Success, simulator.Ready, simulator.RefusedCopyright, simulator.Refunded, simulator.LacksCredits),
	demoParts(task.Merge, simulator.Success, simulator.Partial, simulator.InternalError, simulator.StuckStreaming),
	demoParts(task.Lyrics, simulator.Success, simulator.Ready, simulator.OneClip, simulator.LateItems,
		simulator.FailedItem, simulator.NullTitles, simulator.RefusedInappropriate, simulator.RefusedModeration, simulator.Stuck),
	[]demoPart{
		{task.Generate, simulator.Success, []simulator.Fault{simulator.HTTP503, simulator.Cut}},
		{task.Extend, simulator.Success, []simulator.Fault{simulator.Slow, simulator.Empty}},
		{task.Replace, simulator.Success, []simulator.Fault{simulator.HTTP502, simulator.HTML}},
		{task.Merge, simulator.Success, []simulator.Fault{simulator.Maintenance, simulator.TooFrequent}},
		{task.Lyrics, simulator.Success, []simulator.Fault{simulator.HTTP429, simulator.Malformed}},
		{"", simulator.Ready, nil},
	},
)

func demoParts(kind task.Type, fates ...simulator.Fate) []demoPart {
	parts := make([]demoPart, len(fates))
	for i, fate := range fates {
		parts[i] = demoPart{kind: kind, fate: fate}
	}
	return parts
}

// The SQL of the application. House rule 21 (no SQL in Go) is for tasksync: here
// speaks a program that knows nothing of it but the two tables, and that any
// language may be written in.
const (
	demoInsertGeneration = `INSERT INTO music_generations (user_id, task_id, task_type) VALUES ($1, $2, nullif($3, '')) RETURNING id::text`
	demoInsertClip       = `INSERT INTO music_clips (generation_id, clip_id) VALUES ($1, $2)`
	demoCountRows        = `SELECT coalesce(task_type, ''), status, count(*)::int FROM music_generations GROUP BY 1, 2`
	// All there is of a row, to see later whether anything was touched.
	demoImage = `SELECT jsonb_build_array(g, (SELECT jsonb_agg(c ORDER BY c.id) FROM music_clips c WHERE c.generation_id = g.id))::text
		FROM music_generations g WHERE g.id = $1`
)

// demoApp is the application: it submits tasks, inserts rows, and looks at them
// again.
type demoApp struct {
	db    *pgxpool.Pool
	sim   *simulator.Simulator
	rows  []demoRow // what was inserted; insertAll owns it
	image string    // the V1 row, as it was inserted
}

// demoPace spaces the inserts.
const demoPace = 50 * time.Millisecond

// insertAll submits a task and inserts its row, one after the other.
func (a *demoApp) insertAll(ctx context.Context) error {
	pace := time.NewTicker(demoPace)
	defer pace.Stop()
	for i, part := range demoScript {
		if err := a.insert(ctx, i, part); err != nil {
			return fmt.Errorf("insert a row: %w", err)
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (a *demoApp) insert(ctx context.Context, n int, part demoPart) error {
	kind := part.kind
	if kind == "" {
		kind = task.Generate // the upstream knows no V1
	}
	row := demoRow{Type: part.kind, Fate: part.fate, Faults: part.faults, TaskID: a.sim.Submit(kind, part.fate, part.faults...)}
	err := pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, demoInsertGeneration, demoUser, row.TaskID, string(part.kind)).Scan(&row.ID)
		for _, clipID := range demoPlaceholders(row.TaskID, part.kind, n) {
			if err == nil {
				_, err = tx.Exec(ctx, demoInsertClip, row.ID, clipID)
			}
		}
		return err
	})
	if err == nil && part.kind == "" {
		err = a.db.QueryRow(ctx, demoImage, row.ID).Scan(&a.image)
	}
	a.rows = append(a.rows, row)
	return err
}

// demoPlaceholders are the clips that an application inserts with its n-th row,
// for its page to have something to show. Applications differ: V2 placeholders
// count from 0, V1 ones from 1, and some insert none at all.
func demoPlaceholders(taskID string, kind task.Type, n int) []string {
	v1 := func(i int) string { return fmt.Sprintf("%s-clip-%d", taskID, i+1) }
	v2 := func(i int) string { return fmt.Sprintf("%s-%s-%d", taskID, kind, i) }
	form := v2
	switch {
	case kind == "":
		form = v1
	case n%4 == 1:
		return nil
	case n%4 == 3 && kind != task.Lyrics: // lyrics keep their ids, and theirs are of the form V2
		form = v1
	}
	ids := []string{form(0)}
	if kind != task.Replace && kind != task.Merge {
		ids = append(ids, form(1))
	}
	return ids
}

// demoStanding is how the rows stand at a time.
type demoStanding struct {
	inserted, pending, complete, failed int // with the V1 row in inserted only
	byType                              map[task.Type]demoEnds
	requests                            int64
}

// demoEnds counts rows of one type that have ended.
type demoEnds struct{ complete, failed int }

func (a *demoApp) standing(ctx context.Context) (demoStanding, error) {
	s := demoStanding{byType: map[task.Type]demoEnds{}, requests: statusRequests(a.sim)}
	rows, err := a.db.Query(ctx, demoCountRows)
	if err != nil {
		return s, fmt.Errorf("count rows: %w", err)
	}
	var kind, status string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&kind, &status, &n}, func() error {
		s.add(task.Type(kind), task.Status(status), n)
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("count rows: %w", err)
	}
	return s, nil
}

func (s *demoStanding) add(kind task.Type, status task.Status, n int) {
	ends := s.byType[kind]
	s.inserted += n
	switch {
	case kind == "":
		return
	case status == task.Complete:
		s.complete += n
		ends.complete += n
	case status == task.Failed:
		s.failed += n
		ends.failed += n
	default:
		s.pending += n
	}
	s.byType[kind] = ends
}
