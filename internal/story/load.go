package story

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tasksync/internal/record"
	"tasksync/internal/view"
	"tasksync/queries"
	"tasksync/task"
)

// DB is what stories are read from.
type DB = queries.DBTX

type loader struct {
	Config
	db DB
	q  queries.Queries
	s  *Story
	g  task.Generation
}

func (l *loader) load(ctx context.Context, id string) (*Story, error) {
	rows, err := view.Load(ctx, l.db, []string{id}, view.Options{Foretell: l.Foretell, Words: l.Words})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	found, err := l.q.GenerationList(ctx, l.db, []string{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	l.row(rows[0], found[0])
	for _, part := range []func(context.Context) error{l.memory, l.jobs, l.looks, l.events, l.late} {
		if err := part(ctx); err != nil {
			return nil, fmt.Errorf("explain row: %w", err)
		}
	}
	l.judge()
	l.s.Lines = l.s.lines()
	return l.s, nil
}

func (l *loader) row(v view.Generation, r queries.GenerationListRow) {
	l.g = task.Generation{
		ID: r.ID, UserID: r.UserID, TaskID: r.TaskID, Type: task.Type(r.TaskType), Provider: l.Providers.Name(r.Provider),
		Status: l.Words.Read(r.Status), ErrorCode: task.Code(r.ErrorCode), ErrorMessage: r.ErrorMessage, CreatedAt: r.CreatedAt,
	}
	l.s = &Story{
		ID: r.ID, UserID: r.UserID, TaskID: task.Redact(r.TaskID), TaskType: task.Redact(r.TaskType), Provider: task.Redact(r.Provider), Status: v.Status,
		ErrorCode: r.ErrorCode, ErrorMessage: task.Redact(r.ErrorMessage), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, CompletedAt: v.CompletedAt,
		SeenAt: l.Now().UTC(), Eta: v.Eta, Clips: []Clip{}, Jobs: []Job{}, Looks: []record.Look{}, Events: []Event{},
	}
	if r.Status != v.Status {
		l.s.StatusWord = task.Redact(r.Status)
	}
	if v.Stage != nil {
		l.s.Stage = *v.Stage
	}
	for _, c := range v.Clips {
		_, placeholder := l.Policy.Handlers.PlaceholderNumber(c.ClipID)
		l.s.Clips = append(l.s.Clips, Clip{
			ID: c.ID, ClipID: task.Redact(c.ClipID), Status: c.Status, Placeholder: placeholder,
			Audio: c.AudioURL != nil, Preview: c.StreamAudioURL != nil, UpdatedAt: c.UpdatedAt,
		})
	}
}

// memory fills in the deadline and the grace of a pending row.
func (l *loader) memory(ctx context.Context) error {
	rows, err := l.q.MemoryListByGenerations(ctx, l.db, []string{l.g.ID})
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		r := rows[0]
		l.g.Memory = task.Memory{
			BeganAt: r.BeganAt, AskedAt: r.AskedAt, HeldAt: r.HeldAt, Held: time.Duration(r.HeldMs) * time.Millisecond,
			Reason: r.Reason, Rejected: r.Refused, LateAt: r.LateAt,
		}
	}
	if !l.g.Status.Pending() || l.g.Type == "" {
		if at := l.g.Memory.LateAt; !at.IsZero() {
			l.s.NextLook = &at // for a late result
		}
		return nil
	}
	deadline := l.Policy.Deadline(l.s.SeenAt, l.g).UTC()
	l.s.Deadline = &deadline
	if m := l.g.Memory; !m.AskedAt.IsZero() {
		held := m.Held
		if !m.HeldAt.IsZero() {
			held += max(0, l.s.SeenAt.Sub(m.HeldAt))
		}
		l.s.Grace = &Grace{AskedAt: m.AskedAt.UTC(), Until: m.AskedAt.Add(l.Policy.Grace + held).UTC(), Stands: !m.HeldAt.IsZero()}
	}
	return nil
}

func (l *loader) jobs(ctx context.Context) error {
	rows, err := l.q.StoryJobList(ctx, l.db, l.g.ID)
	for _, r := range rows {
		l.s.Jobs = append(l.s.Jobs, Job{
			ID: r.ID, State: r.State, Queue: r.Queue, Rows: int(r.Members), Attempt: int(r.Attempt), RunsAt: r.ScheduledAt.UTC(),
			CreatedAt: r.CreatedAt.UTC(), Worker: r.Worker, LastError: task.Redact(r.LastError),
		})
		at := r.ScheduledAt.UTC()
		if due := time.UnixMilli(r.DueMs).UTC(); due.After(at) {
			at = due // the job runs earlier, for another row
		}
		if l.g.Status.Pending() && (l.s.NextLook == nil || at.Before(*l.s.NextLook)) {
			l.s.NextLook = &at
		}
	}
	return err
}

func (l *loader) looks(ctx context.Context) error {
	rows, err := l.q.LooksGet(ctx, l.db, l.g.ID)
	if err != nil || len(rows) == 0 {
		return err
	}
	r := rows[0]
	if r.HeardBy != "" {
		l.s.Heard = &Heard{At: r.HeardAt.UTC(), By: r.HeardBy}
	}
	if err := json.Unmarshal(r.Looks, &l.s.Looks); err != nil {
		l.s.Looks = []record.Look{} // of another version
	}
	// Several daemons may have looked, and each writes its looks when it comes to it.
	slices.SortStableFunc(l.s.Looks, func(a, b record.Look) int { return a.At.Compare(b.At) })
	if body := record.Unpack(r.Answer); body != nil {
		l.s.Answer = &Answer{At: r.AnsweredAt.UTC(), Code: int(r.AnswerCode), Body: body}
	}
	return nil
}

// maxEvents bounds the events that are read; a row has some five.
const maxEvents = 200

func (l *loader) events(ctx context.Context) error {
	rows, err := l.q.EventList(ctx, l.db, queries.EventListParams{GenerationID: l.g.ID, MaxRows: maxEvents})
	for _, r := range rows {
		l.s.Events = append(l.s.Events, Event{
			At: r.CreatedAt.UTC(), From: r.FromStatus, To: r.ToStatus, Via: r.Via, Said: r.UpstreamStatus, Reason: r.Reason, ErrorCode: r.ErrorCode,
		})
	}
	return err
}

func (l *loader) late(ctx context.Context) error {
	rows, err := l.q.StoryLateResultGet(ctx, l.db, l.g.ID)
	for _, r := range rows {
		l.s.Late = &Late{At: r.CreatedAt.UTC(), Said: r.UpstreamStatus, Clips: int(r.Clips)}
	}
	return err
}
