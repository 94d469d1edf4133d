package syncer

import (
	"context"

	"tasksync/queries"
)

// twinsAtOnce bounds how many twins a pass reads and writes at once, and so its memory.
const twinsAtOnce = 100

// commitAll commits the members with their twins.
func (s *Syncer) commitAll(ctx context.Context, via Via, due []*member, members map[string]*member, results map[string]Result) {
	var single, leaders []*member
	for _, m := range due {
		if len(m.twins) == 0 {
			single = append(single, m)
		} else {
			leaders = append(leaders, m)
		}
	}
	for id, r := range s.commit(context.WithoutCancel(ctx), via, single) { // what was paid for is kept when ctx ends
		results[id] = r
	}
	for _, leader := range leaders {
		s.follow(ctx, via, leader, func(twins map[string]*member, found map[string]Result) {
			for id, r := range found {
				if _, asked := members[id]; asked {
					results[id] = r
					delete(found, id) // counted with the others of the pass
				}
			}
			s.countResults(twins, found)
			traceRows(ctx, twins, found)
		})
	}
}

// follow writes what was seen of a leader's task into all pending rows with that task, the
// oldest first, twinsAtOnce in a transaction, and calls done after each. The leader is
// written with the last of them: as long as it is pending, no other pass asks for its
// task. When ctx ends, or the database is away, the twins that are left have a leader of
// their own, whose look is the next one.
func (s *Syncer) follow(ctx context.Context, via Via, leader *member, done func(twins map[string]*member, results map[string]Result)) {
	place := queries.GenerationListTwinsParams{
		TaskID: leader.g.TaskID, TaskType: string(leader.g.Type), Providers: s.cfg.Providers.Of(leader.g.Provider),
		ButID: leader.g.ID, AfterID: firstID, MaxRows: twinsAtOnce,
	}
	for more := true; more; {
		twins, byID, err := s.loadTwins(ctx, &place)
		if err != nil {
			s.cfg.Logger.Debug("[TaskSync] Reading the rows with the same task failed", append(attrs(leader.g), "error", redactPg(err))...)
		}
		s.answer(ctx, leader, twins)
		if ctx.Err() != nil { // a probe that was cancelled says nothing
			twins = nil
		}
		if more = len(twins) == twinsAtOnce; !more {
			twins = append(twins, leader)
		}
		done(byID, s.commit(context.WithoutCancel(ctx), via, twins))
	}
}

// loadTwins reads the next twins, and moves the place behind them.
func (s *Syncer) loadTwins(ctx context.Context, place *queries.GenerationListTwinsParams) (twins []*member, byID map[string]*member, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	rows, err := s.queries.GenerationListTwins(ctx, s.cfg.Pool, *place)
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	byID = make(map[string]*member, len(rows))
	for _, r := range rows {
		m := &member{g: s.generation(queries.GenerationListRow(r))}
		byID[r.ID], twins = m, append(twins, m)
	}
	last := rows[len(rows)-1]
	place.AfterTime, place.AfterID = last.CreatedAt, last.ID
	return twins, byID, s.loadRest(ctx, s.cfg.Pool, byID)
}

// answer decides on twins by what was seen of their leader's task.
func (s *Syncer) answer(ctx context.Context, leader *member, twins []*member) {
	now := s.cfg.Now()
	for _, m := range twins {
		m.twins, m.seen, m.answered, m.sharing = leader.twins, leader.seen, leader.answered, leader.sharing
		m.track = s.tracks.latest(m, m.track, s.age(m, now))
	}
	s.planLooks(twins)
	s.looks.answered(twins, now)
	for _, m := range twins {
		m.decision = s.decide(m)
	}
	s.askVouchers(ctx, twins)
	s.probe(ctx, twins)
	s.track(twins)
}
