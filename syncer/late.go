package syncer

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// lateMax bounds the rows of one run of Late; the next run takes the rest.
const lateMax = 100

// lateClaim is how long a run of Late claims its rows, usually longer than the run
// takes. If the daemon ends during the run, the rows are due again after it.
const lateClaim = time.Minute

// Late makes one look, in the lane of the backlog, at each row that its deadline
// has ended and whose late look is due, at most lateMax rows. If
// more are due, the rows that ended last come first. Late returns how many rows it
// claimed.
func (s *Syncer) Late(ctx context.Context) (int, error) {
	now, began := s.cfg.Now(), time.Now()
	ids, err := s.queries.MemoryClaimLate(ctx, s.cfg.Pool, queries.MemoryClaimLateParams{
		Before: now, Until: now.Add(lateClaim), TaskTypes: s.cfg.Policy.Handlers.Names(), Providers: s.cfg.Providers.All(), MaxRows: lateMax,
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	members, err := s.loadRows(ctx, ids)
	if err != nil {
		return 0, fmt.Errorf("load ended rows: %w", err)
	}
	due := make([]*member, 0, len(members))
	for _, m := range members {
		if s.cfg.Policy.AwaitsLate(m.g) { // else the row has changed since its deadline, and its memory is deleted below
			due = append(due, m)
		}
	}
	ctx, span := s.tracePass(ctx, ViaLate, tracedLoad{began, time.Now()}, due)
	defer span.End()
	fetchCtx, cancel := context.WithTimeout(ctx, s.cfg.FetchTimeout)
	defer cancel()
	s.fetch(fetchCtx, Request{Lane: task.LaneBacklog}, due)
	err = s.commitLates(context.WithoutCancel(ctx), members)
	s.record(ViaLate, due, lateResults(due))
	return len(ids), err
}

// commitLates commits the late looks, each row in a transaction of its own. It stops
// when the database is away, and returns the first error.
func (s *Syncer) commitLates(ctx context.Context, members map[string]*member) (first error) {
	for _, m := range members {
		err := s.commitLate(ctx, m)
		first = cmp.Or(first, err)
		if err != nil && !rejected(err) {
			return first
		}
	}
	return first
}

func (s *Syncer) decideLate(m *member) task.Decision {
	return s.withoutInserts(m, s.cfg.Policy.DecideLate(s.cfg.Now(), m.g, m.clips, m.seen))
}

// commitLate locks the row of a late look, decides on it and writes.
func (s *Syncer) commitLate(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	var late bool
	err := s.inTx(ctx, lockTimeout, func(tx pgx.Tx) error {
		rows, err := s.queries.GenerationLockEnded(ctx, tx, queries.GenerationLockEndedParams{
			Ids: []string{m.g.ID}, EndedWords: s.cfg.Words.Spellings(task.Complete, task.Failed),
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return s.forgetLate(ctx, tx, m)
		}
		asked := m.g
		m.g = s.generation(queries.GenerationListRow(rows[0]))
		if !sameTask(m.g, asked) {
			m.seen = task.Seen{}
		}
		if err := s.loadRest(ctx, tx, map[string]*member{m.g.ID: m}); err != nil {
			return err
		}
		m.decision = s.decideLate(m)
		if late = m.decision.Late; !late && m.g.Memory.LateAt != asked.Memory.LateAt {
			return nil // another daemon made the same look, and has planned the next one
		}
		return s.writeLate(ctx, tx, m)
	})
	switch {
	case lasting(err):
		return s.postponeLate(ctx, m, err)
	case err != nil:
		err = redactFor(m, err)
		if s.told.First("late commit", s.cfg.Now()) {
			s.cfg.Logger.Error("[TaskSync] Commit of a late look failed", append(attrs(m.g), "error", err)...)
		}
	case late:
		s.tellSurplus(m)
		s.countEnd(m)
		effect := lateEffect(m)
		s.metrics.late.WithLabelValues(effect).Inc()
		traceRow(ctx, m.g, Result{Outcome: m.decision.Outcome, Reason: effect, NewStatus: m.decision.Status})
		s.cfg.Logger.Info("[TaskSync] A result came after the row had ended", append(attrs(m.g), "effect", effect)...)
	}
	return err
}

// forgetLate deletes the memory of a row that is gone, or pending again. A memory
// without a late look, like the memory of a row that was retried, stays.
func (s *Syncer) forgetLate(ctx context.Context, tx pgx.Tx, m *member) error {
	if err := s.loadMemory(ctx, tx, map[string]*member{m.g.ID: m}); err != nil || m.g.Memory.LateAt.IsZero() {
		return err
	}
	return s.queries.MemoryDeleteMany(ctx, tx, []string{m.g.ID})
}

// postponeLate plans the next look at a row whose late result the database
// rejects, at the time at which it would follow a look without an answer.
func (s *Syncer) postponeLate(ctx context.Context, m *member, cause error) error {
	what := rejectionOf(m, cause)
	s.metrics.rejected.Inc()
	if s.told.First("refused late "+causeOf(what), s.cfg.Now()) {
		s.cfg.Logger.Error("[TaskSync] The database rejects a late result; it is asked for again", append(attrs(m.g), "refused_by", what)...)
	}
	m.seen = task.Seen{}
	var ms memories
	ms.add(m.g.ID, s.decideLate(m).Memory)
	return s.writeMemories(ctx, s.cfg.Pool, ms)
}

// lateEffect returns what a late result has done: completed the row, brought the
// final audio, or only been kept.
func lateEffect(m *member) string {
	switch {
	case m.decision.Status != m.g.Status:
		return "completed"
	case m.decision.Status == task.Complete:
		return "audio"
	default:
		return "kept"
	}
}

// writeLate writes the decision on a late look. A late result that does not change
// its failed row is kept beside the row.
func (s *Syncer) writeLate(ctx context.Context, tx pgx.Tx, m *member) error {
	c := changes{handlers: s.cfg.Policy.Handlers}
	if m.decision.Late && m.decision.Status == task.Failed {
		if err := s.keepBeside(ctx, tx, m, append(m.decision.Clips, m.surplus...)); err != nil {
			return err
		}
		m.decision.Clips, m.surplus = nil, nil
	}
	if err := s.keepSurplus(ctx, tx, []*member{m}); err != nil {
		return err
	}
	s.add(&c, m, ViaLate)
	if m.decision.Late && m.decision.Status == m.g.Status {
		addEvent(&c.events, ViaLate, m) // an event, although the status stays the same
		s.addEnding(&c, ViaLate, m)
	}
	return s.write(ctx, tx, &c)
}

// lateClip is a clip in column late_results.clips, with the names of the columns
// of music_clips.
type lateClip struct {
	ClipID         string  `json:"clip_id"`
	Status         string  `json:"status"`
	Title          string  `json:"title,omitzero"`
	AudioURL       string  `json:"audio_url,omitzero"`
	StreamAudioURL string  `json:"stream_audio_url,omitzero"`
	VideoURL       string  `json:"video_url,omitzero"`
	ImageURL       string  `json:"image_url,omitzero"`
	Lyrics         string  `json:"lyrics,omitzero"`
	Tags           string  `json:"tags,omitzero"`
	ModelName      string  `json:"model_name,omitzero"`
	Duration       float64 `json:"duration,omitzero"`
}

func lateClips(clips []task.Clip) []lateClip {
	out := make([]lateClip, len(clips))
	for i, c := range clips {
		out[i] = lateClip{
			c.ClipID, string(c.Status), c.Title, c.AudioURL, c.StreamAudioURL, c.VideoURL, c.ImageURL, c.Lyrics, c.Tags, c.ModelName, c.Duration,
		}
	}
	return out
}
