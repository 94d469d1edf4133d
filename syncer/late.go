package syncer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tasksync/queries"
	"tasksync/task"
)

// lateMax bounds the rows of one run for late results; the next run takes the rest.
const lateMax = 100

// Late looks once at rows that their deadline has ended and whose late look is
// due, the last ended first and behind all other looks. It returns how many there
// were.
func (s *Syncer) Late(ctx context.Context) (int, error) {
	ids, err := s.queries.MemoryListLate(ctx, s.cfg.Pool, queries.MemoryListLateParams{
		Before: s.cfg.Now(), TaskTypes: s.types(), Providers: s.providers(), MaxRows: lateMax,
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
		if m.decision = s.decideLate(m); m.decision.Memory != (task.Memory{}) { // else it is not what the deadline made of it
			due = append(due, m)
		}
	}
	fetchCtx, cancel := context.WithTimeout(ctx, s.cfg.FetchTimeout)
	defer cancel()
	s.fetch(fetchCtx, task.LaneBacklog, due)
	var first error // of one row; the others go on
	for _, m := range members {
		if err := s.commitLate(context.WithoutCancel(ctx), m); err != nil && first == nil {
			first = err
		}
	}
	return len(ids), first
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
		if len(rows) == 0 { // gone, or under way again
			return s.queries.MemoryDeleteMany(ctx, tx, []string{m.g.ID})
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
		late = m.decision.Late
		return s.writeLate(ctx, tx, m)
	})
	switch {
	case refused(err):
		s.refuseLate(ctx, m, err)
		return nil
	case err != nil:
		return fmt.Errorf("commit a late look: %w", redactOf(m, err))
	case late:
		effect := lateEffect(m)
		s.metrics.late.WithLabelValues(effect).Inc()
		s.cfg.Logger.Info("[TaskSync] A result came after the row had ended", append(attrs(m.g), "effect", effect)...)
	}
	return err
}

// refuseLate has a row whose late result the database refuses looked at again like
// one that was not answered for: after a while, and not without end.
func (s *Syncer) refuseLate(ctx context.Context, m *member, cause error) {
	what := refusalOf(m, cause)
	s.metrics.refused.Inc()
	if s.seldom.first("late refused "+what, s.cfg.Now()) {
		s.cfg.Logger.Error("[TaskSync] The database refuses late results; they are looked for again until it is mended", append(attrs(m.g), "refused_by", what)...)
	}
	m.seen = task.Seen{}
	var ms memories
	ms.add(m.g.ID, s.decideLate(m).Memory)
	if err := s.writeMemories(ctx, s.cfg.Pool, ms); err != nil {
		s.cfg.Logger.Debug("[TaskSync] Remembering a refusal failed", append(attrs(m.g), "error", redactPg(err))...)
	}
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
