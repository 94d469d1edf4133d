package syncer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/task"
)

// refuse keeps a row pending whose results the database refuses, or could not
// store: they were paid for, and are still at the provider. What refused them is
// remembered with the row and logged once for all rows, not with each look; the
// looks become rare, and the first one after the mend completes the row.
func (s *Syncer) refuse(ctx context.Context, m *member, cause error) Result {
	now := s.cfg.Now()
	what := refusalOf(m, cause)
	s.metrics.refused.Inc()
	s.tellRefusal(m, cause, what, now)
	result := Result{ID: m.g.ID, Outcome: task.OutcomeFailed, Reason: ReasonClipsUpdateFailed, Next: m.decision.Next}
	switch {
	case full(cause): // nor may there be room to remember since when
		result.Next = now.Add(s.cfg.Policy.RejectedEvery(now.Sub(s.cfg.Policy.Began(now, m.g)) / 2))
	case !lasting(cause):
		result.Next = now.Add(retryRefused)
	}
	if !m.decision.Status.Terminal() || !refused(cause) {
		return result // the next step may be one that the database takes
	}
	since, err := s.rememberRefusal(ctx, m.g.ID, what, now)
	if err != nil {
		s.cfg.Logger.Debug("[TaskSync] Remembering a refusal failed", append(attrs(m.g), "error", redactPg(err))...)
	}
	wait := s.cfg.Policy.RejectedEvery(since)
	if !lasting(cause) || doubled(cause) {
		wait = min(wait, max(since/2, retryRefused))
	}
	result.Next = now.Add(wait)
	return result
}

// full reports whether the disk of the database is full, which takes longer to mend
// than what else keeps it from storing results.
func full(cause error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](cause)
	return ok && pg.Code == "53100" // disk_full
}

// doubled reports whether the application has inserted, at the same moment, a clip
// that was to be inserted: the next pass finds it.
func doubled(cause error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](cause)
	return ok && pg.Code == "23505" // unique_violation
}

// rememberRefusal notes with a row what refuses its results, and tells for how long
// that goes on. The row is read anew: another pass may have held its lock, and ended
// it.
func (s *Syncer) rememberRefusal(ctx context.Context, id, what string, now time.Time) (time.Duration, error) {
	members, err := s.load(ctx, []string{id})
	if m := members[id]; err == nil && m != nil && m.g.Status.Pending() {
		mem := m.g.Memory
		mem.Rejected = what
		if mem.RejectedAt.IsZero() {
			mem.RejectedAt = now
		}
		var ms memories
		ms.add(id, mem)
		return now.Sub(mem.RejectedAt), s.writeMemories(ctx, s.cfg.Pool, ms)
	}
	return 0, err
}

// tellRefusal logs what refuses results, now and then, whatever the number of rows
// and looks.
func (s *Syncer) tellRefusal(m *member, cause error, what string, now time.Time) {
	if lasting(cause) {
		if s.seldom.First("refused "+what, now) {
			s.cfg.Logger.Error("[TaskSync] The database refuses results; their rows stay pending until it is mended", append(attrs(m.g), "refused_by", what,
				"hint", "mend the constraint, trigger or column that it names; the rows then complete by themselves")...)
		}
		return
	}
	level := slog.LevelDebug
	var code string
	if pg, ok := errors.AsType[*pgconn.PgError](cause); ok {
		code = pg.Code
	}
	if s.seldom.First("commit "+code, now) {
		level = slog.LevelError
	}
	s.cfg.Logger.Log(context.Background(), level, "[TaskSync] Commit failed; the generation stays pending", append(attrs(m.g), "error", redactOf(m, cause))...)
}

// refusalOf names what refused the member's results, without any of them: the
// SQLSTATE, the table, the column or constraint, and the database's message.
func refusalOf(m *member, cause error) string {
	var pg *pgconn.PgError
	if !errors.As(cause, &pg) {
		return cause.Error()
	}
	words := []string{"SQLSTATE " + pg.Code}
	for _, w := range [][2]string{{"table ", pg.TableName}, {"column ", pg.ColumnName}, {"constraint ", pg.ConstraintName}} {
		if w[1] != "" {
			words = append(words, w[0]+w[1])
		}
	}
	return strings.Join(words, ", ") + ": " + task.Redact(withoutContents(m, pg.Message))
}

// refused reports whether the database refused the data (a constraint, a value,
// a trigger that raised, whatever its SQLSTATE, a row that is locked), rather
// than the service: then each member is worth a try of its own.
func refused(err error) bool {
	var pg *pgconn.PgError
	return errors.Is(err, errUnwritten) || errors.As(err, &pg) && !hasClass(pg, "08", "25", "53", "57P", "58")
}

// lasting reports whether err is a refusal that will be the same next time: not
// a lock, a deadlock or a statement that took too long.
func lasting(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return refused(err) && !hasClass(pg, "40", "55", "57")
	}
	return errors.Is(err, errUnwritten)
}

func hasClass(pg *pgconn.PgError, classes ...string) bool {
	return slices.ContainsFunc(classes, func(class string) bool { return strings.HasPrefix(pg.Code, class) })
}
