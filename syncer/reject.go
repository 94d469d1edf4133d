package syncer

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/internal/database"
	"tasksync/task"
)

// keepPending returns the result of a member whose decision could not be stored. Its
// row stays pending: the results were paid for, and the provider still has them. What
// the database rejects them for is remembered with the row, and logged once for all
// rows instead of at each look. The looks become rare, and the first one after the
// cause was mended completes the row.
func (s *Syncer) keepPending(ctx context.Context, m *member, cause error) Result {
	now := s.cfg.Now()
	what := rejectionOf(m, cause)
	s.metrics.rejected.Inc()
	s.logRejection(m, cause, what, now)
	result := Result{ID: m.g.ID, Outcome: task.OutcomeFailed, Reason: ReasonClipsUpdateFailed, Next: m.decision.Next}
	switch {
	case diskFull(cause): // there may be no room to remember since when
		result.Next = now.Add(s.cfg.Policy.RejectedEvery(now.Sub(s.cfg.Policy.Began(now, m.g)) / 2))
	case !lasting(cause):
		result.Next = now.Add(retrySoon)
	}
	if !m.decision.Status.Terminal() || !rejected(cause) {
		return result // the database may accept the next step
	}
	since, err := s.rememberRejection(ctx, m.g.ID, what, now)
	if err != nil {
		s.cfg.Logger.Debug("[TaskSync] Remembering a rejection failed", append(attrs(m.g), "error", redactPg(err))...)
	}
	wait := s.cfg.Policy.RejectedEvery(since)
	if !lasting(cause) || duplicateClip(cause) {
		wait = min(wait, max(since/2, retrySoon))
	}
	result.Next = now.Add(wait)
	return result
}

// diskFull reports whether the disk of the database is full, which takes longer to
// mend than other troubles of the server.
func diskFull(cause error) bool { return database.Code(cause) == database.DiskFull }

// duplicateClip reports whether the application inserted a clip that was to be
// inserted, at the same moment. The next pass finds it.
func duplicateClip(cause error) bool { return database.Code(cause) == database.UniqueViolation }

// rememberRejection records with a row what rejects its results, and returns for
// how long that has gone on. It reads the row anew, because another pass may
// have held its lock and ended it.
func (s *Syncer) rememberRejection(ctx context.Context, id, what string, now time.Time) (time.Duration, error) {
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

// logRejection logs what rejects results, now and then, whatever the number of
// rows and looks.
func (s *Syncer) logRejection(m *member, cause error, what string, now time.Time) {
	if lasting(cause) {
		if s.seldom.First("refused "+what, now) {
			s.cfg.Logger.Error("[TaskSync] The database rejects results; their rows stay pending until it is mended", append(attrs(m.g), "refused_by", what,
				"hint", "mend the constraint, trigger or column that it names; the rows then complete by themselves")...)
		}
		return
	}
	level := slog.LevelDebug
	if s.seldom.First("commit "+database.Code(cause), now) {
		level = slog.LevelError
	}
	s.cfg.Logger.Log(context.Background(), level, "[TaskSync] Commit failed; the row stays pending", append(attrs(m.g), "error", redactFor(m, cause))...)
}

// rejectionOf describes what rejected the member's results, without the results:
// the SQLSTATE, the table, the column or constraint, and the database's message.
func rejectionOf(m *member, cause error) string {
	pg, ok := errors.AsType[*pgconn.PgError](cause)
	if !ok {
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

// rejected reports whether the database rejected the data: by a constraint, a value,
// a trigger that raised, whatever its SQLSTATE, or a row that is locked. Then each
// member is worth a try of its own, which it is not when the server is in trouble.
func rejected(err error) bool {
	return errors.Is(err, errUnwritten) || database.Code(err) != "" && !database.Away(err)
}

// lasting reports whether the database rejected the data and will do so again: not
// because of a lock, a deadlock or a statement that took too long.
func lasting(err error) bool {
	return rejected(err) && !database.HasClass(err,
		database.ClassTransactionRollback, database.ClassNotInPrerequisiteState, database.ClassOperatorIntervention)
}
