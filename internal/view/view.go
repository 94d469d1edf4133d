// Package view holds a generation as the HTTP side shows it: the row and its clips,
// under their column names.
package view

import (
	"context"
	"fmt"
	"math"
	"time"

	"tasksync/queries"
	"tasksync/task"
)

// Generation is a row of music_generations with its clips. The doc tags are the
// texts of the OpenAPI description.
type Generation struct {
	ID           string     `json:"id" format:"uuid"`
	UserID       *string    `json:"user_id" format:"uuid"`
	TaskID       *string    `json:"task_id" doc:"The provider's id of the task."`
	TaskType     *string    `json:"task_type" doc:"What the task makes."`
	Provider     *string    `json:"provider" doc:"The provider that has the task; null: the default one."`
	Status       string     `json:"status" doc:"submitted, queued, processing or streaming while the row is pending, then complete or failed; any other word of the application's if tasksync leaves the row alone."`
	ErrorCode    *string    `json:"error_code" doc:"Why the row failed."`
	ErrorMessage *string    `json:"error_message" doc:"The provider's text, without secrets."`
	CreatedAt    *time.Time `json:"created_at"`
	UpdatedAt    *time.Time `json:"updated_at"`
	CompletedAt  *time.Time `json:"completed_at" doc:"When the row became complete or failed."`
	Stage        *string    `json:"stage" enum:"submitted,text,preview,first" doc:"What its clips show while it is pending: nothing yet, titles or lyrics, something to stream, a clip that is complete. Null once it has ended."`
	Eta          *Eta       `json:"eta" doc:"When it is expected to end, by what tasksync has learnt of such tasks and by the row's age and stage now. Null where too little is known, once it has ended, and for a row that takes longer than nearly all did."`
	Clips        []Clip     `json:"clips" nullable:"false"`
}

// Clip is a row of music_clips.
type Clip struct {
	ID             string     `json:"id" format:"uuid"`
	GenerationID   string     `json:"generation_id" format:"uuid"`
	ClipID         string     `json:"clip_id" doc:"The provider's id of the clip; a placeholder (like {task_id}-extend-0) until it is known."`
	Status         string     `json:"status"`
	Title          *string    `json:"title"`
	AudioURL       *string    `json:"audio_url" doc:"Where the audio is, once there is any; always null for lyrics."`
	StreamAudioURL *string    `json:"stream_audio_url" doc:"A preview, while the audio is being made."`
	VideoURL       *string    `json:"video_url"`
	ImageURL       *string    `json:"image_url"`
	Lyrics         *string    `json:"lyrics"`
	Tags           *string    `json:"tags"`
	ModelName      *string    `json:"model_name"`
	Duration       *float64   `json:"duration" doc:"In seconds."`
	CreatedAt      *time.Time `json:"created_at"`
	UpdatedAt      *time.Time `json:"updated_at"`
}

// Options say how rows are shown.
type Options struct {
	// Foretell gives the etas of rows under way; nil: they have none.
	Foretell Foretell
	// Words are the application's words for the statuses, which are shown as tasksync's.
	Words task.StatusWords
}

// Load reads generations with their clips, by two queries, in the order of their
// creation. An id without a row is left out.
func Load(ctx context.Context, db queries.DBTX, ids []string, show Options) ([]Generation, error) {
	generations := make([]Generation, 0, len(ids))
	if len(ids) == 0 {
		return generations, nil
	}
	q := queries.New()
	rows, err := q.GenerationListViews(ctx, db, ids)
	if err != nil {
		return nil, fmt.Errorf("load rows: %w", err)
	}
	clips, err := q.ClipListViews(ctx, db, ids)
	if err != nil {
		return nil, fmt.Errorf("load clips: %w", err)
	}
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		at[r.ID] = i
		generations = append(generations, show.generation(r))
	}
	for _, c := range clips {
		if i, ok := at[c.GenerationID]; ok {
			generations[i].Clips = append(generations[i].Clips, show.clip(c))
		}
	}
	for _, r := range rows {
		g := &generations[at[r.ID]]
		orderPlaceholders(g.Clips)
		g.foretell(r, show)
	}
	return generations, nil
}

func (o Options) generation(r queries.GenerationListViewsRow) Generation {
	return Generation{
		ID: r.ID, UserID: null(r.UserID), TaskID: null(r.TaskID), TaskType: null(r.TaskType), Provider: null(r.Provider),
		Status: string(o.Words.Read(r.Status)), ErrorCode: null(r.ErrorCode), ErrorMessage: null(r.ErrorMessage),
		CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.UpdatedAt), CompletedAt: moment(r.CompletedAt),
		Clips: []Clip{},
	}
}

func (o Options) clip(c queries.ClipListViewsRow) Clip {
	return Clip{
		ID: c.ID, GenerationID: c.GenerationID, ClipID: c.ClipID, Status: string(o.Words.Read(c.Status)), Title: null(c.Title),
		AudioURL: null(c.AudioURL), StreamAudioURL: null(c.StreamAudioURL), VideoURL: null(c.VideoURL), ImageURL: null(c.ImageURL),
		Lyrics: null(c.Lyrics), Tags: null(c.Tags), ModelName: null(c.ModelName), Duration: finite(c.Duration),
		CreatedAt: moment(c.CreatedAt), UpdatedAt: moment(c.UpdatedAt),
	}
}

// moment returns nil for no time, and for a time that JSON cannot express: RFC 3339
// years have four digits.
func moment(t time.Time) *time.Time {
	t = t.UTC()
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return nil
	}
	return &t
}

// finite returns nil for no number, and for numbers that JSON does not have.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return null(f)
}

// null returns nil for the zero value, which stands for NULL.
func null[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}
