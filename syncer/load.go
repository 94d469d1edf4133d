package syncer

import (
	"context"

	"tasksync/queries"
	"tasksync/task"
)

// load reads the generations and the leaders of the pending ones, and the clips and
// memories of those that are pending.
func (s *Syncer) load(ctx context.Context, ids []string) (map[string]*member, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	p := queries.GenerationListWithTwinsParams{Ids: ids, Words: s.cfg.Providers.All()}
	for _, word := range p.Words {
		p.Names = append(p.Names, s.cfg.Providers.Name(word))
	}
	rows, err := s.queries.GenerationListWithTwins(ctx, s.cfg.Pool, p)
	if err != nil {
		return nil, err
	}
	members := make(map[string]*member, len(rows))
	for _, r := range rows {
		members[r.ID] = &member{g: s.generation(queries.GenerationListRow(r))}
	}
	pending := make(map[string]*member, len(members))
	for id, m := range members {
		if m.g.Status.Pending() && m.g.Type != "" {
			pending[id] = m
		}
	}
	return members, s.loadRest(ctx, s.cfg.Pool, pending)
}

// loadRows reads generations, ended or not, with their clips and memories, without
// their leaders.
func (s *Syncer) loadRows(ctx context.Context, ids []string) (map[string]*member, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommitTimeout)
	defer cancel()
	rows, err := s.queries.GenerationList(ctx, s.cfg.Pool, ids)
	if err != nil {
		return nil, err
	}
	members := make(map[string]*member, len(rows))
	for _, r := range rows {
		members[r.ID] = &member{g: s.generation(r)}
	}
	return members, s.loadRest(ctx, s.cfg.Pool, members)
}

// loadRest fills in the clips and the memories of the members.
func (s *Syncer) loadRest(ctx context.Context, db queries.DBTX, members map[string]*member) error {
	if err := s.loadClips(ctx, db, members); err != nil {
		return err
	}
	return s.loadMemory(ctx, db, members)
}

func (s *Syncer) loadClips(ctx context.Context, db queries.DBTX, members map[string]*member) error {
	ids := make([]string, 0, len(members))
	for id, m := range members {
		m.clips, m.words = nil, nil
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.queries.ClipListByGenerations(ctx, db, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		m := members[r.GenerationID]
		m.clips = append(m.clips, s.clip(r))
		if m.words == nil {
			m.words = make(map[string]string)
		}
		m.words[r.ID] = r.Status
	}
	return nil
}

func (s *Syncer) generation(r queries.GenerationListRow) task.Generation {
	return task.Generation{
		ID: r.ID, UserID: r.UserID, TaskID: r.TaskID, Type: task.Type(r.TaskType), Provider: s.cfg.Providers.Name(r.Provider),
		Status: s.cfg.Words.Read(r.Status), Unsubmitted: r.TaskID == "" && task.MayBeUnsubmitted(r.Status),
		ErrorCode: task.Code(r.ErrorCode), ErrorMessage: r.ErrorMessage, CreatedAt: r.CreatedAt,
	}
}

func (s *Syncer) clip(r queries.ClipListByGenerationsRow) task.Clip {
	return task.Clip{
		ID: r.ID, GenerationID: r.GenerationID, ClipID: r.ClipID, Status: s.cfg.Words.Read(r.Status), Title: r.Title,
		AudioURL: r.AudioURL, StreamAudioURL: r.StreamAudioURL, VideoURL: r.VideoURL, ImageURL: r.ImageURL,
		Lyrics: r.Lyrics, Tags: r.Tags, ModelName: r.ModelName, Duration: r.Duration, CreatedAt: moment(r.CreatedAt),
	}
}
