package syncer

import (
	"context"

	"tasksync/internal/database"
)

// insertsAnew reports whether clips are inserted in another way from now on: the
// application has changed its table, and cause may be over.
func (s *Syncer) insertsAnew(ctx context.Context, cause error) bool {
	switch database.Code(cause) {
	case database.NotNullViolation, database.UndefinedColumn, database.GeneratedAlways, database.InsufficientPrivilege, database.DatatypeMismatch:
	default:
		return false
	}
	changed, err := s.clips.Refresh(ctx, s.cfg.Pool)
	if err != nil {
		s.cfg.Logger.Debug("[TaskSync] Reading the columns of music_clips failed", "error", redactPg(err))
	}
	return changed
}

// commitAlone commits a member whose transaction the database has rejected with cause:
// in a transaction of its own if it shared that one, then in the ways in which it may
// be written otherwise.
func (s *Syncer) commitAlone(ctx context.Context, via Via, m *member, cause error, shared bool) error {
	again := func() error { return s.commitCohort(ctx, via, []*member{m}, lockTimeoutAlone) }
	if shared {
		cause = again()
	}
	if duplicateClip(cause) {
		held, err := s.holderOf(ctx, m)
		if m.holder = held; held != nil {
			return again()
		}
		if err != nil {
			s.cfg.Logger.Debug("[TaskSync] Reading the owner of clips failed", append(attrs(m.g), "error", redactPg(err))...)
		}
	}
	if database.HasClass(cause, database.ClassIntegrityConstraintViolation, database.ClassDataException) && s.clips.Spares() {
		m.least = true
		err := again()
		if err == nil && s.told.First("unfilled "+causeOf(rejectionOf(m, cause)), s.cfg.Now()) {
			s.cfg.Logger.Warn("[TaskSync] Clips were inserted without some columns of their row, which the database rejects",
				append(attrs(m.g), "rejected_by", rejectionOf(m, cause))...)
		}
		return err
	}
	return cause
}
