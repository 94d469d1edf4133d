package syncer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// lateMax bounds the rows of one run for late results; the next run takes the rest.
const lateMax = 100

// lateClaim is longer than a run for late results takes. What a daemon that ends in
// between has claimed is due again then.
const lateClaim = time.Minute

// Late looks once at rows that their deadline has ended and whose late look is
// due, the last ended first and behind all other looks. It returns how many there
// were.
func (s *Syncer) Late(ctx context.Context) (int, error) {
	now := s.cfg.Now()
	ids, err := s.queries.MemoryClaimLate(ctx, s.cfg.Pool, queries.MemoryClaimLateParams{
		Before: now, Until: now.Add(lateClaim), TaskTypes: s.types(), Providers: s.providers(), MaxRows: lateMax,
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	members, err := s.loadEnded(ctx, ids)
	if err != nil {
		return 0, fmt.Errorf("load ended generations: %w", err)
	}
	due := make([]*member, 0, len(members))
	for _, m := range members {
		if s.cfg.Policy.AwaitsLate(m.g) { // else it is not what the deadline made of it
			due = append(due, m)
		}
	}
	fetchCtx, cancel := context.WithTimeout(ctx, s.cfg.FetchTimeout)
	defer cancel()
	s.fetch(fetchCtx, task.LaneBacklog, due)
	return len(ids), s.commitLates(context.WithoutCancel(ctx), members)
}

// commitLates writes what the looks have brought, each row by itself. It gives up
// when the database is not there, and returns the first error otherwise.
func (s *Syncer) commitLates(ctx context.Context, members map[string]*member) (first error) {
	for _, m := range members {
		err := s.commitLate(ctx, m)
		first = cmp.Or(first, err)
		if err != nil && !refused(err) {
			return first
		}
	}
	return first
}

func (s *Syncer) loadEnded(ctx context.Context, ids []string) (map[string]*member, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	rows, err := s.queries.GenerationList(ctx, s.cfg.Pool, ids)
	if err != nil {
		return nil, err
	}
	members := make(map[string]*member, len(rows))
	for _, r := range rows {
		members[r.ID] = &member{g: generation(r)}
	}
	return members, s.loadRest(ctx, s.cfg.Pool, members)
}

func (s *Syncer) decideLate(m *member) task.Decision {
	return s.cfg.Policy.DecideLate(s.cfg.Now(), m.g, m.clips, m.seen)
}

// commitLate writes what a late look has brought, under the lock of the row as it
// is then.
func (s *Syncer) commitLate(ctx context.Context, m *member) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	var late bool
	err := s.inTx(ctx, lockTimeout, func(tx pgx.Tx) error {
		rows, err := s.queries.GenerationLockEnded(ctx, tx, []string{m.g.ID})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return s.forgetLate(ctx, tx, m)
		}
		asked := m.g
		m.g = generation(queries.GenerationListRow(rows[0]))
		if m.g.TaskID != asked.TaskID || m.g.Provider != asked.Provider || m.g.Type != asked.Type {
			m.seen = task.Seen{} // another task by now
		}
		if err := s.loadRest(ctx, tx, map[string]*member{m.g.ID: m}); err != nil {
			return err
		}
		m.decision = s.decideLate(m)
		if late = m.decision.Late; !late && m.g.Memory.LateAt != asked.Memory.LateAt {
			return nil // another daemon's look is planned already: the two were one
		}
		return s.writeLate(ctx, tx, m)
	})
	switch {
	case lasting(err):
		return s.refuseLate(ctx, m, err)
	case err != nil:
		err = redactOf(m, err)
		if s.seldom.First("late commit", s.cfg.Now()) {
			s.cfg.Logger.Error("[TaskSync] Commit of a late look failed", append(attrs(m.g), "error", err)...)
		}
	case late:
		effect := lateEffect(m)
		s.metrics.late.WithLabelValues(effect).Inc()
		s.cfg.Logger.Info("[TaskSync] A result came after the row had ended", append(attrs(m.g), "effect", effect)...)
	}
	return err
}

// forgetLate forgets a row that is gone, or under way again. What Retry remembers of
// it, which awaits no late result, stays.
func (s *Syncer) forgetLate(ctx context.Context, tx pgx.Tx, m *member) error {
	if err := s.loadMemory(ctx, tx, map[string]*member{m.g.ID: m}); err != nil || m.g.Memory.LateAt.IsZero() {
		return err
	}
	return s.queries.MemoryDeleteMany(ctx, tx, []string{m.g.ID})
}

// refuseLate puts off the next look at a row whose late result the database refuses,
// as after a look that was not answered.
func (s *Syncer) refuseLate(ctx context.Context, m *member, cause error) error {
	what := refusalOf(m, cause)
	s.metrics.refused.Inc()
	if s.seldom.First("refused late "+what, s.cfg.Now()) {
		s.cfg.Logger.Error("[TaskSync] The database refuses a late result; it is looked for again", append(attrs(m.g), "refused_by", what)...)
	}
	m.seen = task.Seen{}
	var ms memories
	ms.add(m.g.ID, s.decideLate(m).Memory)
	return s.writeMemories(ctx, s.cfg.Pool, ms)
}

// lateEffect is what a late result has done, as metrics and logs have it.
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

func (s *Syncer) writeLate(ctx context.Context, tx pgx.Tx, m *member) error {
	var c changes
	kept := m.decision.Late && m.decision.Status == task.Failed
	if kept {
		if err := s.keepLate(ctx, tx, m); err != nil {
			return err
		}
		m.decision.Clips = nil
	}
	c.add(m, ViaLate)
	if m.decision.Late && m.decision.Status == m.g.Status {
		addEvent(&c.events, ViaLate, m) // the status is the same, and still there is something to tell
	}
	return s.write(ctx, tx, &c)
}

// keepLate stores a late result beside its row.
func (s *Syncer) keepLate(ctx context.Context, tx pgx.Tx, m *member) error {
	clips, err := json.Marshal(lateClips(m.decision.Clips))
	if err != nil {
		return fmt.Errorf("encode late clips: %w", err)
	}
	return s.queries.LateResultInsertMany(ctx, tx, queries.LateResultInsertManyParams{
		GenerationIds: []string{m.g.ID}, UserIds: []string{m.g.UserID}, TaskIds: []string{m.g.TaskID},
		UpstreamStatuses: []string{rawStatus(m)}, Clips: [][]byte{clips},
	})
}

// lateClip is a clip as column late_results.clips has it: under the names of the
// columns of music_clips.
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

// types are the task types that are followed.
func (s *Syncer) types() []string {
	types := make([]string, 0, len(s.cfg.Policy.Handlers))
	for t := range s.cfg.Policy.Handlers {
		types = append(types, string(t))
	}
	return types
}

// providers are the names of those that are configured; "" is the default one.
func (s *Syncer) providers() []string {
	names := make([]string, 0, len(s.sources))
	for name := range s.sources {
		names = append(names, name)
	}
	return names
}
