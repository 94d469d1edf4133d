package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"tasksync/internal/story"
	"tasksync/queries"
	"tasksync/task"
)

// Row is a row as List shows it.
type Row struct {
	ID, UserID, TaskID, TaskType, Provider string
	Status                                 string // tasksync's word, if it is one
	ErrorCode, ErrorMessage                string
	CreatedAt, CompletedAt                 time.Time // zero: there is none
}

// ListRequest says which rows List returns; the zero value is all.
type ListRequest struct {
	Status []task.Status // of these only
	Code   string        // with this error_code only
	User   string        // of this user only
	Limit  int           // at most so many; default 20
}

// mostOfUser bounds the rows of a user that are read for those under way: the words for
// these are not in the index.
const mostOfUser = 10_000

// List returns V2 rows, those that ended or changed last first. It calls no provider.
func List(ctx context.Context, cfg Config, req ListRequest) (list []Row, err error) {
	cfg = cfg.WithDefaults()
	err = inPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		list, err = cfg.list(ctx, pool, req)
		return err
	})
	return list, err
}

func (c Config) list(ctx context.Context, pool *pgxpool.Pool, req ListRequest) ([]Row, error) {
	p := queries.GenerationListRecentParams{Code: req.Code, MaxRows: int32(cmp.Or(req.Limit, 20))} //nolint:gosec // bounded by the caller
	pending := slices.ContainsFunc(req.Status, task.Status.Pending)
	if pending {
		p.MaxRows = mostOfUser
	} else {
		p.Words = c.words().Spellings(req.Status...)
	}
	found, err := recent(ctx, pool, p, req.User)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, r := range found {
		row := c.row(r)
		if pending && !slices.Contains(req.Status, task.Status(row.Status)) {
			continue
		}
		if rows = append(rows, row); len(rows) == cmp.Or(req.Limit, 20) {
			break
		}
	}
	return rows, nil
}

func recent(ctx context.Context, pool *pgxpool.Pool, p queries.GenerationListRecentParams, user string) ([]queries.GenerationListRecentRow, error) {
	q := queries.New()
	if user == "" {
		return q.GenerationListRecent(ctx, pool, p)
	}
	rows, err := q.GenerationListRecentByUser(ctx, pool, queries.GenerationListRecentByUserParams{UserID: user, Words: p.Words, Code: p.Code, MaxRows: p.MaxRows})
	all := make([]queries.GenerationListRecentRow, len(rows))
	for i, r := range rows {
		all[i] = queries.GenerationListRecentRow(r)
	}
	return all, err
}

func (c Config) row(r queries.GenerationListRecentRow) Row {
	return Row{
		ID: r.ID, UserID: r.UserID, TaskID: task.Redact(r.TaskID), TaskType: task.Redact(r.TaskType), Provider: task.Redact(r.Provider),
		Status: task.Redact(string(c.words().Read(r.Status))), ErrorCode: r.ErrorCode, ErrorMessage: task.Redact(r.ErrorMessage),
		CreatedAt: r.CreatedAt, CompletedAt: r.CompletedAt,
	}
}

// stuckAfter is how long a row may have no job before it counts as stuck: the sweep of a
// running daemon finds it within half of that.
const stuckAfter = time.Minute

// Stuck returns pending rows that do not go on as they should, and why: overdue ones,
// those whose results the database rejects, those that no daemon with cfg follows, and
// those without a job. A provider that is paused on purpose makes no row stuck.
func Stuck(ctx context.Context, cfg Config, limit int) ([]Waiting, error) {
	var all []Waiting
	for _, req := range []PendingRequest{{Overdue: true, Limit: limit}, {Ignored: true, Limit: limit}, {Limit: 10_000}} {
		rows, err := Pending(ctx, cfg, req)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			idle := r.Reason == "no_job" && r.SeenAt.Sub(r.CreatedAt) > stuckAfter
			if idle || r.Reason != "no_job" && r.Reason != "under_way" && r.Reason != "paused" {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b Waiting) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	all = slices.CompactFunc(all, func(a, b Waiting) bool { return a.ID == b.ID })
	return all[:min(limit, len(all))], nil
}

// Resolve returns the ids of the rows that ids name: ids of rows, of tasks or of clips. An
// id that names no row stays as it is. A Config with which Sync could not work is refused
// first.
func Resolve(ctx context.Context, cfg Config, ids []string) (resolved []string, err error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	err = inPool(ctx, cfg, func(pool *pgxpool.Pool) error {
		for _, id := range ids {
			found, err := story.Find(ctx, pool, id)
			if err != nil {
				return err
			}
			if len(found) == 0 {
				found = []string{id}
			}
			resolved = append(resolved, found...)
		}
		return nil
	})
	return resolved, err
}
