package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tasksync/queries"
	"tasksync/task"
)

const (
	// retryRefused is when a member is looked at again whose commit failed.
	retryRefused = 5 * time.Second
	// lockTimeout is how long a commit waits for a row that the application
	// holds. Statements of our own passes take milliseconds.
	lockTimeout = "2s"
)

// commit writes what the members' decisions change and tells how it ended for
// each. Members without a change cost no transaction.
func (s *Syncer) commit(ctx context.Context, via Via, members []*member) map[string]Result {
	results := make(map[string]Result, len(members))
	var writing []*member
	for _, m := range members {
		results[m.g.ID] = resultOf(m)
		if m.decision.Writes(m.g) {
			writing = append(writing, m)
		}
	}
	if len(writing) == 0 {
		return results
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	err := s.commitCohort(ctx, via, writing)
	if err == nil || len(writing) == 1 || !refused(err) {
		s.enter(ctx, via, results, writing, err)
		return results
	}
	for _, m := range writing {
		s.enter(ctx, via, results, []*member{m}, s.commitCohort(ctx, via, []*member{m}))
	}
	return results
}

// enter notes the results of one transaction.
func (s *Syncer) enter(ctx context.Context, via Via, results map[string]Result, members []*member, err error) {
	for _, m := range members {
		if err != nil && m.decision.TimedOut && refused(err) {
			err = s.failUnwritable(ctx, via, m, err)
		}
		if err != nil {
			s.cfg.Logger.Error("[TaskSync] Commit failed; the generation stays pending", append(attrs(m.g), "error", redactPg(err))...)
			results[m.g.ID] = Result{ID: m.g.ID, Outcome: task.OutFail, Reason: ReasonClipsUpdateFailed, Next: s.cfg.Now().Add(retryRefused)}
			continue
		}
		results[m.g.ID] = resultOf(m)
		if m.decision.Status != m.g.Status {
			s.cfg.Logger.Info("[TaskSync] Updated generation status", append(attrs(m.g), "status", m.decision.Status, "reason", m.decision.Reason)...)
		}
	}
}

// failUnwritable ends a generation whose clips the database refuses even at its
// deadline: without them, saying why. Its results stay at the provider.
func (s *Syncer) failUnwritable(ctx context.Context, via Via, m *member, cause error) error {
	m.decision = task.Decision{
		Outcome: task.OutFail, Reason: string(task.APIError), Status: task.Failed, TimedOut: true,
		ErrorCode: task.APIError, ErrorMessage: "The results could not be stored: " + redactPg(cause).Error(),
	}
	return s.inTx(ctx, func(tx pgx.Tx) error { return s.write(ctx, tx, via, []*member{m}) })
}

// commitCohort decides again under the rows' locks and writes, all or nothing.
func (s *Syncer) commitCohort(ctx context.Context, via Via, members []*member) error {
	defer s.metrics.commitTimer().ObserveDuration()
	return s.inTx(ctx, func(tx pgx.Tx) error {
		writing, err := s.lock(ctx, tx, members)
		if err != nil {
			return err
		}
		return s.write(ctx, tx, via, writing)
	})
}

func (s *Syncer) inTx(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := s.queries.TransactionSetLockTimeout(ctx, tx, lockTimeout); err != nil {
			return err
		}
		return f(tx)
	})
}

// lock brings the members up to date with their locked rows and gives those
// that still have something to write. One that has ended meanwhile has not.
func (s *Syncer) lock(ctx context.Context, tx pgx.Tx, members []*member) ([]*member, error) {
	byID := make(map[string]*member, len(members))
	ids := make([]string, len(members))
	for i, m := range members {
		byID[m.g.ID], ids[i] = m, m.g.ID
	}
	rows, err := s.queries.GenerationLockPending(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	locked := make(map[string]*member, len(rows))
	for _, r := range rows {
		m := byID[r.ID]
		m.g = generation(queries.GenerationListRow(r))
		locked[r.ID] = m
	}
	if err := s.loadClips(ctx, tx, locked); err != nil {
		return nil, err
	}
	return s.decideAgain(members, locked), nil
}

func (s *Syncer) decideAgain(members []*member, locked map[string]*member) []*member {
	var writing []*member
	for _, m := range members {
		if _, ok := locked[m.g.ID]; !ok {
			m.decision = task.Decision{Outcome: task.Skipped, Reason: task.ReasonNotPending, Status: m.g.Status}
			continue
		}
		m.decision = s.decide(m)
		if len(m.decision.Probe) > 0 { // a clip that was not there before
			m.decision = task.Decision{Outcome: task.Skipped, Reason: ReasonNotDue, Status: m.g.Status, Next: s.cfg.Now()}
		}
		if m.decision.Writes(m.g) {
			writing = append(writing, m)
		}
	}
	return writing
}

// write stores the decisions: clips first, statuses second, as the
// specification has it, and the events with them.
func (s *Syncer) write(ctx context.Context, tx pgx.Tx, via Via, members []*member) error {
	var insert queries.ClipInsertManyParams
	var update queries.ClipUpdateManyParams
	var status queries.GenerationUpdateManyParams
	var events queries.EventInsertManyParams
	for _, m := range members {
		for _, c := range m.decision.Clips {
			addClip(&insert, &update, m.g.ID, c)
		}
		if m.decision.Status != m.g.Status {
			addStatus(&status, m)
			addEvent(&events, via, m)
		}
	}
	steps := []struct {
		rows int
		run  func() error
	}{
		{len(update.Ids), func() error { return s.queries.ClipUpdateMany(ctx, tx, update) }},
		{len(insert.ClipIds), func() error { return s.queries.ClipInsertMany(ctx, tx, insert) }},
		{len(status.Ids), func() error { return s.queries.GenerationUpdateMany(ctx, tx, status) }},
		{len(events.GenerationIds), func() error { return s.queries.EventInsertMany(ctx, tx, events) }},
	}
	for _, step := range steps {
		if step.rows == 0 {
			continue
		}
		if err := step.run(); err != nil {
			return err
		}
	}
	return nil
}

// refused reports whether the database refused the data (a constraint, a value,
// a trigger that raised, a row that is locked), rather than the service.
func refused(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	classes := []string{"22", "23", "42", "44", "P0", "40", "55"}
	return slices.ContainsFunc(classes, func(class string) bool { return strings.HasPrefix(pg.Code, class) })
}

// redactPg keeps what an operator needs of a database error and drops the
// row's contents, which Postgres puts into the detail.
func redactPg(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	return &pgconn.PgError{Severity: pg.Severity, Code: pg.Code, Message: task.Redact(pg.Message), ConstraintName: pg.ConstraintName}
}
