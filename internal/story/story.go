package story

import (
	"context"
	"encoding/json"
	"time"

	"tasksync/internal/pauses"
	"tasksync/internal/record"
	"tasksync/internal/view"
	"tasksync/task"
)

// Config says how rows are read and judged: as the daemon judges them.
type Config struct {
	Policy    task.Policy
	Words     task.StatusWords
	Providers task.ProviderWords
	// DefaultProvider has the rows that name none.
	DefaultProvider string
	Foretell        view.Foretell // nil: there are no etas
	Paused          *pauses.Book  // nil: no provider is paused
	Now             func() time.Time
}

// Story is what is known of a row. Times are the database's.
type Story struct {
	ID           string     `json:"id"`
	UserID       string     `json:"userId,omitzero"`
	TaskID       string     `json:"taskId"`
	TaskType     string     `json:"taskType"`
	Provider     string     `json:"provider"`
	Status       string     `json:"status"`              // tasksync's word
	StatusWord   string     `json:"statusWord,omitzero"` // the application's, if it is another
	ErrorCode    string     `json:"errorCode,omitzero"`
	ErrorMessage string     `json:"errorMessage,omitzero"`
	CreatedAt    *time.Time `json:"createdAt"`
	UpdatedAt    *time.Time `json:"updatedAt"`
	CompletedAt  *time.Time `json:"completedAt"`
	SeenAt       time.Time  `json:"seenAt"`

	// Of a pending row.
	Stage    string        `json:"stage,omitzero"`
	Eta      *view.Eta     `json:"eta,omitzero"`
	Deadline *time.Time    `json:"deadline,omitzero"`
	Grace    *Grace        `json:"grace,omitzero"` // nil: no look was sent past the deadline
	NextLook *time.Time    `json:"nextLook,omitzero"`
	Pause    *pauses.Pause `json:"pause,omitzero"`
	// Reason is why the row is as it is, from a closed set: complete, failed and not_tracked
	// for a row that waits for nothing, else as of `tasksync pending`. Why is the same in words,
	// and Advice what to do, if anything.
	Reason string `json:"reason"`
	Why    string `json:"why"`
	Advice string `json:"advice,omitzero"`

	Clips  []Clip        `json:"clips"`
	Jobs   []Job         `json:"jobs"`
	Heard  *Heard        `json:"heard,omitzero"`
	Looks  []record.Look `json:"looks"` // the last ones, the oldest first
	Events []Event       `json:"events"`
	Late   *Late         `json:"lateResult,omitzero"`
	Answer *Answer       `json:"answer,omitzero"`
	Lines  []Line        `json:"timeline"` // all of it, in the order of time
}

// Grace is how long an overdue row still waits for an answer.
type Grace struct {
	AskedAt time.Time `json:"askedAt"` // the first look past the deadline
	Until   time.Time `json:"until"`
	Stands  bool      `json:"stands,omitzero"` // it stands still, because no call can be made
}

// Clip is a clip, without its texts.
type Clip struct {
	ID          string     `json:"id"`
	ClipID      string     `json:"clipId"`
	Status      string     `json:"status"`
	Placeholder bool       `json:"placeholder,omitzero"`
	Audio       bool       `json:"audio"`
	Preview     bool       `json:"preview"`
	UpdatedAt   *time.Time `json:"updatedAt"`
}

// Job is a River job that follows the row.
type Job struct {
	ID        int64     `json:"id"`
	State     string    `json:"state"`
	Queue     string    `json:"queue"`
	Rows      int       `json:"rows"` // that it follows
	Attempt   int       `json:"attempt"`
	RunsAt    time.Time `json:"runsAt"`
	CreatedAt time.Time `json:"createdAt"`
	Worker    string    `json:"worker,omitzero"`
	LastError string    `json:"lastError,omitzero"`
}

// Heard is how tasksync heard of the row: by notify, wal, poll or sweep.
type Heard struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// Event is a change that was written.
type Event struct {
	At        time.Time `json:"at"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Via       string    `json:"via"`
	Said      string    `json:"said,omitzero"` // the provider's word
	Reason    string    `json:"reason,omitzero"`
	ErrorCode string    `json:"errorCode,omitzero"`
}

// Late is a result that is kept beside its row, which had ended.
type Late struct {
	At    time.Time `json:"at"`
	Said  string    `json:"said,omitzero"`
	Clips int       `json:"clips"`
}

// Answer is the last answer of the provider, with the fields of a known list.
type Answer struct {
	At   time.Time       `json:"at"`
	Code int             `json:"http"`
	Body json.RawMessage `json:"body"`
}

// Load tells the story of a row; nil: there is no such row.
func Load(ctx context.Context, db DB, id string, cfg Config) (*Story, error) {
	l := loader{Config: cfg, db: db}
	return l.load(ctx, id)
}
