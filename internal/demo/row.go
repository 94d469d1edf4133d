package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// row is what became of a row.
type row struct {
	ID           string            `json:"id"`
	TaskID       string            `json:"task_id"`
	Type         task.Type         `json:"task_type,omitempty"` // empty: V1
	Fate         simulator.Fate    `json:"fate"`
	Faults       []simulator.Fault `json:"faults,omitempty"`
	Status       task.Status       `json:"status"`
	ErrorCode    task.Code         `json:"error_code,omitempty"`
	ErrorMessage string            `json:"error_message,omitempty"`
	Clips        []simulator.Clip  `json:"clips"`
	Via          string            `json:"via,omitempty"`
	CreatedAt    time.Time         `json:"created_at"`
	CompletedAt  time.Time         `json:"completed_at,omitzero"`
	TookSeconds  float64           `json:"took_seconds,omitempty"`
	Requests     int               `json:"requests"`
	// Differs lists where the row is not as scripted.
	Differs []string `json:"differs,omitempty"`

	record simulator.Record
	ends   int // how often the row came to an end, by the event log
	blanks int // clips with an empty value where NULL belongs
}

// The queries by which the application reads its rows at the end; the events are
// tasksync's log.
const (
	selectRow = `SELECT g.status, coalesce(g.error_code, ''), coalesce(g.error_message, ''), g.created_at,
			coalesce(g.completed_at, 'epoch'), coalesce(e.via, ''), e.ends,
			(SELECT count(*)::int FROM music_clips WHERE generation_id = g.id AND (duration = 0
				OR '' IN (title, audio_url, stream_audio_url, video_url, image_url, lyrics, tags, model_name)))
		FROM music_generations g, LATERAL (
			SELECT count(*)::int AS ends, max(via) AS via FROM tasksync.generation_events
			WHERE generation_id = g.id AND to_status IN ('complete', 'failed')) e
		WHERE g.id = $1`
	selectClips = `SELECT clip_id, status, coalesce(title, ''), coalesce(audio_url, ''), coalesce(stream_audio_url, ''),
			coalesce(video_url, ''), coalesce(image_url, ''), coalesce(lyrics, ''), coalesce(tags, ''),
			coalesce(model_name, ''), coalesce(duration, 0)
		FROM music_clips WHERE generation_id = $1 ORDER BY clip_id`
)

// results reads every row again and compares it with what the upstream itself
// knows of the row's task.
func (a *app) results(ctx context.Context) ([]row, error) {
	rows := slices.Clone(a.rows)
	for i := range rows {
		if err := a.read(ctx, &rows[i]); err != nil {
			return nil, fmt.Errorf("read a row again: %w", err)
		}
	}
	return rows, nil
}

func (a *app) read(ctx context.Context, r *row) error {
	err := a.db.QueryRow(ctx, selectRow, r.ID).
		Scan(&r.Status, &r.ErrorCode, &r.ErrorMessage, &r.CreatedAt, &r.CompletedAt, &r.Via, &r.ends, &r.blanks)
	if err != nil {
		return err
	}
	rows, err := a.db.Query(ctx, selectClips, r.ID)
	if err != nil {
		return err
	}
	r.Clips, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c simulator.Clip, err error) {
		return c, row.Scan(&c.ClipID, &c.Status, &c.Title, &c.AudioURL, &c.StreamAudioURL, &c.VideoURL,
			&c.ImageURL, &c.Lyrics, &c.Tags, &c.ModelName, &c.Duration)
	})
	if err != nil {
		return err
	}
	if r.Status.Terminal() {
		r.TookSeconds = r.CompletedAt.Sub(r.CreatedAt).Seconds()
	} else {
		r.CompletedAt = time.Time{}
	}
	r.record, _ = a.sim.Task(r.TaskID)
	r.Requests = r.record.Asked
	if r.Type == "" {
		return a.compareV1(ctx, r)
	}
	r.Differs = r.compare()
	return nil
}

// compareV1 expects that a V1 row has not changed, and that its task was not asked
// for.
func (a *app) compareV1(ctx context.Context, r *row) error {
	var snapshot string
	if err := a.db.QueryRow(ctx, selectSnapshot, r.ID).Scan(&snapshot); err != nil {
		return err
	}
	d := differences{}
	d.note("row", snapshot, a.snapshot)
	d.note("requests", r.Requests, 0)
	r.Differs = d
	return nil
}

// differences are sentences about what is not as it should be.
type differences []string

func (d *differences) note(what string, got, want any) {
	if got != want {
		*d = append(*d, fmt.Sprintf("%s is %#v, not %#v", what, got, want))
	}
}

// compare lists where the row is not what its task must lead to.
func (r *row) compare() []string {
	want := r.record.Expected
	var d differences
	d.note("status", r.Status, want.Status)
	d.note("error_code", r.ErrorCode, want.ErrorCode)
	d.note("error_message", r.ErrorMessage, r.wantMessage())
	d.note("number of ends in the event log", r.ends, 1)
	d.note("number of clips with a value that is empty and not NULL", r.blanks, 0)
	if want.AtDeadline {
		d.note("via", r.Via, "timeout")
	}
	r.compareClips(&d, want.Clips)
	return d
}

// wantMessage is the provider's text, or the text of the deadline. For a failure
// without a text tasksync has a text of its own.
func (r *row) wantMessage() string {
	switch want := r.record.Expected; {
	case want.ErrorMessage != "":
		return task.Redact(want.ErrorMessage)
	case want.Status == task.Failed && want.AtDeadline:
		return fmt.Sprintf("Task timed out after %s.", timeout)
	case want.Status == task.Failed && r.ErrorMessage == "":
		return "a text"
	case want.Status == task.Failed:
		return r.ErrorMessage
	default:
		return ""
	}
}

// compareClips expects each result with every field, and beside the results only
// placeholders that have failed, with nothing in them.
func (r *row) compareClips(d *differences, want []simulator.Clip) {
	left := slices.Clone(r.Clips)
	for _, w := range want {
		if w.Derive { // the CDN rule of the deadline
			w.AudioURL, w.Derive = task.CDNURL(w.ClipID), false
		}
		i := slices.IndexFunc(left, func(c simulator.Clip) bool { return c.ClipID == w.ClipID })
		if i < 0 {
			*d = append(*d, "clip "+w.ClipID+" is missing")
			continue
		}
		compareClip(d, left[i], w.Allow(left[i]))
		left = slices.Delete(left, i, i+1)
	}
	for _, c := range left {
		if _, ok := task.DefaultHandlers().PlaceholderNumber(c.ClipID); !ok && r.Status != task.Failed {
			*d = append(*d, "clip "+c.ClipID+" is none of the task's")
			continue
		}
		compareClip(d, c, simulator.Clip{ClipID: c.ClipID, Status: task.Failed})
	}
}

func compareClip(d *differences, got, want simulator.Clip) {
	name := "clip " + got.ClipID + ": "
	d.note(name+"status", got.Status, want.Status)
	d.note(name+"title", got.Title, want.Title)
	d.note(name+"audio_url", got.AudioURL, want.AudioURL)
	d.note(name+"stream_audio_url", got.StreamAudioURL, want.StreamAudioURL)
	d.note(name+"video_url", got.VideoURL, want.VideoURL)
	d.note(name+"image_url", got.ImageURL, want.ImageURL)
	d.note(name+"lyrics", got.Lyrics, want.Lyrics)
	d.note(name+"tags", got.Tags, want.Tags)
	d.note(name+"model_name", got.ModelName, want.ModelName)
	d.note(name+"duration", got.Duration, want.Duration)
}
