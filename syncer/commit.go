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
	// lockTimeout is how long the commit of a cohort waits for a row that the
	// application holds. Statements of our own passes take milliseconds.
	lockTimeout = "2s"
	// lockTimeoutAlone is that of a member that is committed by itself, because
	// its cohort was refused: it must leave the others their time.
	lockTimeoutAlone = "100ms"
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
	err := s.commitCohort(ctx, via, writing, lockTimeout)
	alone := len(writing) > 1 && refused(err)
	for _, m := range writing {
		if alone {
			err = s.commitCohort(ctx, via, []*member{m}, lockTimeoutAlone)
		}
		results[m.g.ID] = s.committed(ctx, via, m, err)
	}
	return results
}

// committed is the result of a member whose transaction ended with err.
func (s *Syncer) committed(ctx context.Context, via Via, m *member, err error) Result {
	if lasting(err) && !s.cfg.Now().Before(s.cfg.Policy.Deadline(m.g)) {
		err = s.failUnwritable(ctx, via, m, err)
	}
	if err != nil {
		s.cfg.Logger.Error("[TaskSync] Commit failed; the generation stays pending", append(attrs(m.g), "error", redactPg(err))...)
		return Result{ID: m.g.ID, Outcome: task.OutFail, Reason: ReasonClipsUpdateFailed, Next: s.cfg.Now().Add(retryRefused)}
	}
	if m.decision.Status != m.g.Status {
		s.cfg.Logger.Info("[TaskSync] Updated generation status", append(attrs(m.g), "status", m.decision.Status, "reason", m.decision.Reason)...)
	}
	return resultOf(m)
}

// failUnwritable ends a generation whose results the database refuses even at
// its deadline: without them, saying why. They stay at the provider. A row that
// has ended meanwhile is left as it is.
func (s *Syncer) failUnwritable(ctx context.Context, via Via, m *member, cause error) error {
	return s.inTx(ctx, lockTimeoutAlone, func(tx pgx.Tx) error {
		writing, err := s.lock(ctx, tx, []*member{m})
		if err != nil || len(writing) == 0 {
			return err
		}
		m.decision = task.Decision{
			Outcome: task.OutFail, Reason: string(task.APIError), Status: task.Failed, TimedOut: true,
			ErrorCode: task.APIError, ErrorMessage: "The results could not be stored: " + redactPg(cause).Error(),
		}
		return s.write(ctx, tx, via, writing)
	})
}

// commitCohort decides again under the rows' locks and writes, all or nothing.
func (s *Syncer) commitCohort(ctx context.Context, via Via, members []*member, wait string) error {
	defer s.metrics.commitTimer().ObserveDuration()
	return s.inTx(ctx, wait, func(tx pgx.Tx) error {
		writing, err := s.lock(ctx, tx, members)
		if err != nil {
			return err
		}
		return s.write(ctx, tx, via, writing)
	})
}

// inTx runs f in a transaction whose statements wait that long for a row that
// somebody else holds.
func (s *Syncer) inTx(ctx context.Context, wait string, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := s.queries.TransactionSetLockTimeout(ctx, tx, wait); err != nil {
			return err
		}
		return f(tx)
	})
	if err == nil {
		s.cfg.Committed()
	}
	return err
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
	for i, r := range rows {
		ids[i] = r.ID
		m, fresh := byID[r.ID], generation(queries.GenerationListRow(r))
		m.stale = fresh.TaskID != m.g.TaskID || fresh.Provider != m.g.Provider || fresh.Type != m.g.Type
		m.g = fresh
		locked[r.ID] = m
	}
	if len(rows) == 0 {
		return s.decideAgain(members, locked), nil
	}
	if err := s.queries.ClipLockByGenerations(ctx, tx, ids[:len(rows)]); err != nil {
		return nil, err
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
		if m.stale || len(m.decision.Probe) > 0 { // another task by now, or a clip that was not there before
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
		{len(update.Ids), func() error { return all(len(update.Ids))(s.queries.ClipUpdateMany(ctx, tx, update)) }},
		{len(insert.ClipIds), func() error { return s.queries.ClipInsertMany(ctx, tx, insert) }},
		{len(status.Ids), func() error { return all(len(status.Ids))(s.queries.GenerationUpdateMany(ctx, tx, status)) }},
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

// errUnwritten is of an update that the database did not make without saying
// why: a trigger that returns NULL, a policy of row security.
var errUnwritten = errors.New("the database left rows as they were; is there a trigger or a row security policy?")

func all(want int) func(n int64, err error) error {
	return func(n int64, err error) error {
		if err == nil && n != int64(want) {
			err = errUnwritten
		}
		return err
	}
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
	return errors.As(err, &pg) && refused(err) && !hasClass(pg, "40", "55", "57")
}

func hasClass(pg *pgconn.PgError, classes ...string) bool {
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
