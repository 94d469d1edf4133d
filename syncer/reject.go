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

// keepPending returns the result of a member whose decision could not be stored. The
// row stays pending: its results were paid for, and the provider still has them. If
// the database rejects them, the cause is remembered with the row, and logged now and
// then for all rows instead of at each look. The looks become rare, and the first
// look after the cause was mended completes the row.
func (s *Syncer) keepPending(ctx context.Context, m *member, cause error) Result {
	now := s.cfg.Now()
	what := rejectionOf(m, cause)
	s.metrics.rejected.Inc()
	s.logRejection(m, cause, what, now)
	result := Result{ID: m.g.ID, Outcome: task.OutcomeFailed, Reason: ReasonClipsUpdateFailed, Next: m.decision.Next}
	switch {
	case diskFull(cause): // no room to remember since when: the age of the row serves instead
		result.Next = now.Add(s.cfg.Policy.RejectedEvery(now.Sub(s.cfg.Policy.Began(now, m.g)) / 2))
	case !lasting(cause):
		result.Next = now.Add(retrySoon)
	}
	if !m.decision.Status.Terminal() || !rejected(cause) {
		return result // without a rejected end, the schedule of the looks holds
	}
	since, err := s.rememberRejection(ctx, m.g.ID, what, now)
	if err != nil {
		s.cfg.Logger.Debug("[TaskSync] Remembering a rejection failed", append(attrs(m.g), "error", redactPg(err))...)
	}
	wait := s.cfg.Policy.RejectedEvery(since)
	if !lasting(cause) || duplicateClip(cause) { // the next try may well succeed
		wait = min(wait, max(since/2, retrySoon))
	}
	result.Next = now.Add(wait)
	return result
}

// diskFull reports whether the disk of the database is full, which takes longer to
// mend than other troubles of the server.
func diskFull(cause error) bool { return database.Code(cause) == database.DiskFull }

// duplicateClip reports whether the application inserted the same clip at the same
// moment. The next pass finds that clip.
func duplicateClip(cause error) bool { return database.Code(cause) == database.UniqueViolation }

// rememberRejection records with a row what rejects its results, and returns how
// long that has gone on. It reads the row anew, because another pass may have ended
// the row meanwhile.
func (s *Syncer) rememberRejection(ctx context.Context, id, what string, now time.Time) (time.Duration, error) {
	members, err := s.loadRows(ctx, []string{id})
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

// logRejection logs why a commit failed: the same cause seldom, whatever the number
// of rows and looks.
func (s *Syncer) logRejection(m *member, cause error, what string, now time.Time) {
	if lasting(cause) {
		if s.told.First("refused "+causeOf(what), now) {
			s.cfg.Logger.Error("[TaskSync] The database rejects results; their rows stay pending until it is mended", append(attrs(m.g), "refused_by", what,
				"hint", "mend the constraint, trigger or column that it names; the rows then complete by themselves")...)
		}
		return
	}
	level := slog.LevelDebug
	if s.told.First("commit "+database.Code(cause), now) {
		level = slog.LevelError
	}
	s.cfg.Logger.Log(context.Background(), level, "[TaskSync] Commit failed; the row stays pending", append(attrs(m.g), "error", redactFor(m, cause))...)
}

// rejectionOf describes what rejected the member's results, without the results:
// the SQLSTATE, the table, the column or constraint, the function that raised it,
// and the database's message. Before the message stands what all rows with the same
// cause have in common: see [causeOf].
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
	if where, _, _ := strings.Cut(pg.Where, "\n"); strings.HasPrefix(where, "PL/") { // like: PL/pgSQL function f() line 3 at RAISE
		words = append(words, where)
	}
	message := task.Redact(withoutContents(m, pg))
	if len(words) == 1 { // only the message tells the cause
		return words[0] + ", " + message
	}
	return strings.Join(words, ", ") + ": " + message
}

// causeOf returns the part of a text of rejectionOf that is the same for all rows.
// The message may quote the row, or differ by what was cut out of it. Query
// MemoryRefusedList divides the texts in the same way.
func causeOf(what string) string {
	cause, _, _ := strings.Cut(what, ": ")
	return cause
}

// rejected reports whether the database rejected the data: because of a constraint,
// a value, an error that a trigger raised with any SQLSTATE, or a locked row. Then
// each member is worth a try of its own, unlike when the server is in trouble.
func rejected(err error) bool {
	return errors.Is(err, errUnwritten) || database.Code(err) != "" && !database.Away(err)
}

// lasting reports whether the database rejected the data and will do so again, for
// a reason other than a lock, a deadlock or a statement that took too long.
func lasting(err error) bool {
	return rejected(err) && !database.HasClass(err,
		database.ClassTransactionRollback, database.ClassNotInPrerequisiteState, database.ClassOperatorIntervention)
}
