package syncer

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

const (
	// retrySoon is how long a row waits for the next pass if its pass failed for no
	// lasting reason.
	retrySoon = 5 * time.Second
	// lockTimeout is how long the commit of a cohort waits for a row that the
	// application holds. Other passes hold their rows for milliseconds.
	lockTimeout = "2s"
	// lockTimeoutAlone is the lock timeout of a member that is committed alone after
	// its cohort was rejected: the member must leave time for the others.
	lockTimeoutAlone = "100ms"
)

// commit writes what the decisions change, and returns the result of each
// member. A member without a change costs no transaction.
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
	if s.insertsAnew(ctx, err) {
		err = s.commitCohort(ctx, via, writing, lockTimeout)
	}
	err = s.commitBesideHolders(ctx, via, writing, err)
	for i, m := range writing {
		own := err
		if rejected(err) {
			own = s.commitAlone(ctx, via, m, err, len(writing) > 1)
		}
		results[m.g.ID] = s.committed(ctx, m, own)
		if i == 0 { // of twins, the first one may have got the clips now
			err = s.commitBesideHolders(ctx, via, writing[1:], err)
		}
	}
	return results
}

// committed returns the result of a member whose transaction ended with err, which
// may be nil.
func (s *Syncer) committed(ctx context.Context, m *member, err error) Result {
	if err != nil {
		return s.keepPending(ctx, m, err)
	}
	s.tellSurplus(m)
	s.countEnd(m)
	if m.decision.Status != m.g.Status {
		s.updates.updated(s.cfg.Logger, m.decision.Status, append(attrs(m.g), "status", m.decision.Status, "reason", m.decision.Reason))
	}
	return resultOf(m)
}

// commitCohort locks the rows, decides again and writes, all members or none.
func (s *Syncer) commitCohort(ctx context.Context, via Via, members []*member, lockWait string) error {
	defer s.metrics.commitTimer().ObserveDuration()
	return s.inTx(ctx, lockWait, func(tx pgx.Tx) error {
		writing, err := s.lock(ctx, tx, members)
		if err != nil {
			return err
		}
		c := changes{handlers: s.cfg.Policy.Handlers}
		for _, m := range writing {
			s.add(&c, m, via)
		}
		if err := s.keepSurplus(ctx, tx, writing); err != nil {
			return err
		}
		return s.write(ctx, tx, &c)
	})
}

// inTx runs f in a transaction in which a statement waits at most lockWait, a value
// of Postgres's lock_timeout, for a lock.
func (s *Syncer) inTx(ctx context.Context, lockWait string, f func(pgx.Tx) error) error {
	ctx, span := childSpan(ctx, "commit")
	err := pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := s.queries.TransactionSetLockTimeout(ctx, tx, lockWait); err != nil {
			return err
		}
		return f(tx)
	})
	endSpan(span, err)
	if err == nil {
		s.cfg.Committed()
	}
	return err
}

// lock locks the rows of the members, brings the members up to date with them,
// decides again, and returns the members that still have something to write. A
// member whose row has ended meanwhile has nothing to write.
func (s *Syncer) lock(ctx context.Context, tx pgx.Tx, members []*member) ([]*member, error) {
	byID := make(map[string]*member, len(members))
	ids := make([]string, 0, len(members))
	for _, m := range members {
		byID[m.g.ID], ids = m, append(ids, m.g.ID)
	}
	rows, err := s.queries.GenerationLockPending(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	locked := make(map[string]*member, len(rows))
	ids = ids[:0]
	for _, r := range rows { // an id may stand in several rows, of tables that inherit from it
		ids = append(ids, r.ID)
		m, fresh := byID[r.ID], s.generation(queries.GenerationListRow(r))
		m.stale = m.stale || !sameTask(m.g, fresh) // for good: a member may be locked again, alone
		m.g = fresh
		locked[r.ID] = m
	}
	if err := s.checkUnlocked(ctx, tx, members, locked); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return s.decideAgain(members, locked), nil
	}
	if err := s.queries.ClipLockByGenerations(ctx, tx, ids); err != nil {
		return nil, err
	}
	if err := s.loadRest(ctx, tx, locked); err != nil {
		return nil, err
	}
	return s.decideAgain(members, locked), nil
}

// sameTask reports whether what was seen of a's task holds for b: a and b are the
// same row at two times.
func sameTask(a, b task.Generation) bool {
	return a.TaskID == b.TaskID && a.Provider == b.Provider && a.Type == b.Type
}

// checkUnlocked returns errUnwritten if a row that was not locked is still
// pending: row level security shows that row, but does not let us write it. Other
// rows that were not locked have ended meanwhile.
func (s *Syncer) checkUnlocked(ctx context.Context, tx pgx.Tx, members []*member, locked map[string]*member) error {
	var ids []string
	for _, m := range members {
		if locked[m.g.ID] == nil {
			ids = append(ids, m.g.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.queries.GenerationList(ctx, tx, ids)
	for _, r := range rows {
		if task.ParseStatus(r.Status).Pending() && r.TaskType != "" {
			return errUnwritten
		}
	}
	return err
}

// decideAgain decides on the locked rows, and returns the members with something to
// write.
func (s *Syncer) decideAgain(members []*member, locked map[string]*member) []*member {
	var writing []*member
	for _, m := range members {
		if _, ok := locked[m.g.ID]; !ok {
			m.decision = skip(m, task.ReasonNotPending, time.Time{})
			continue
		}
		m.decision = s.decide(m)
		if m.stale || m.decision.Open() { // open: the row has a new clip, whose URL must be probed
			m.decision = skip(m, ReasonNotDue, s.cfg.Now())
		}
		if m.decision.Writes(m.g) {
			writing = append(writing, m)
		}
	}
	return writing
}

// changes are the rows that a transaction writes.
type changes struct {
	handlers task.Handlers

	insert queries.ClipInsertManyParams
	least  bool // see [clips.Inserter.Insert]
	update queries.ClipUpdateManyParams
	shift  queries.ClipShiftManyParams
	status queries.GenerationUpdateManyParams
	events queries.EventInsertManyParams
	memory memories
	ends   []Ending // for the effects; none if there are no effects
}

// add adds what the member's decision changes.
func (s *Syncer) add(c *changes, m *member, via Via) {
	c.least = c.least || m.least
	for _, clip := range m.decision.Clips {
		clip.Status = task.Status(s.clipWord(m, clip))
		addClip(&c.insert, &c.update, m.g.ID, clip)
	}
	if len(m.decision.Clips) > 0 {
		c.addShifts(m)
	}
	moved := m.decision.Status != m.g.Status
	if moved {
		s.addStatus(&c.status, m)
		s.addEnding(c, via, m)
	}
	if moved || len(m.decision.Clips) > 0 && m.g.Status.Pending() { // pages follow titles and previews too
		addEvent(&c.events, via, m)
	}
	if m.decision.Memory != m.g.Memory {
		c.memory.add(m.g.ID, m.decision.Memory)
	}
}

// write stores the changes: clips first, statuses second, as in the
// specification, then the events and memories.
func (s *Syncer) write(ctx context.Context, tx pgx.Tx, c *changes) error {
	if want := len(c.update.Ids); want > 0 {
		n, err := s.queries.ClipUpdateMany(ctx, tx, c.update)
		if err := checkWritten(n, want, err); err != nil {
			return err
		}
	}
	if len(c.shift.Ids) > 0 {
		if err := s.shiftClips(ctx, tx, c.shift); err != nil {
			return err
		}
	}
	if want := len(c.insert.ClipIds); want > 0 {
		n, err := s.clips.Insert(ctx, tx, c.insert, c.least)
		if err := checkWritten(n, want, err); err != nil {
			return err
		}
	}
	if want := len(c.status.Ids); want > 0 {
		n, err := s.queries.GenerationUpdateMany(ctx, tx, c.status)
		if err := checkWritten(n, want, err); err != nil {
			return err
		}
	}
	if len(c.events.GenerationIds) > 0 {
		if err := s.queries.EventInsertMany(ctx, tx, c.events); err != nil {
			return err
		}
	}
	if err := s.writeMemories(ctx, tx, c.memory); err != nil {
		return err
	}
	return s.apply(ctx, tx, c.ends)
}

// errUnwritten says that the database silently wrote fewer rows than it was told to:
// a trigger returned NULL, or a row level security policy hides the rows.
var errUnwritten = errors.New("the database left rows as they were; is there a trigger or a row security policy?")

// checkWritten returns the error of a statement that was to write want rows.
func checkWritten(n int64, want int, err error) error {
	if err == nil && n < int64(want) { // more, where an id stands in several rows
		return errUnwritten
	}
	return err
}
