package task

import "time"

// Type is the kind of a task, as music_generations.task_type has it. The empty
// type marks a row of the V1 API, which tasksync never reads and never writes.
type Type string

// The task types of the specification.
const (
	Extend   Type = "extend"
	Generate Type = "generate"
	Lyrics   Type = "lyrics"
	Merge    Type = "merge"
	Replace  Type = "replace"
)

// Generation is one row of music_generations, as far as tasksync reads it.
type Generation struct {
	ID           string // uuid
	UserID       string // uuid; empty when the row has none
	TaskID       string // the upstream's id of the task; empty until the application knows it
	Type         Type
	Provider     string // which upstream to ask; empty: the default one
	Status       Status
	ErrorCode    Code
	ErrorMessage string
	CreatedAt    time.Time
	Memory       Memory
}

// Clip is one row of music_clips. An empty string and a zero duration mean
// that nothing is known yet; they are stored as NULL.
type Clip struct {
	ID             string // the row's key, a uuid; empty for a clip that has no row yet
	GenerationID   string
	ClipID         string // the provider's id, or a placeholder: see [PlaceholderNumber]
	Status         Status
	Title          string
	AudioURL       string // final audio: never a preview, never the sentinel
	StreamAudioURL string // preview audio
	VideoURL       string
	ImageURL       string
	Lyrics         string
	Tags           string
	ModelName      string
	Duration       float64 // seconds
}

// Ref names one task to an upstream.
type Ref struct {
	TaskID  string
	Type    Type
	ClipIDs []string // real clip ids known so far, for upstreams that are asked by clip
	// Alone wants a call for this task alone, where the upstream has one: that it
	// is missing from an answer about many says too little when its time is up.
	Alone bool
	// User is whose row the task is of; calls for different users take turns.
	User string
	// Value is how much waiting, in seconds, the look is expected to end. Among the
	// calls of a user the most valuable goes first.
	Value float64
}

// Observation is what an upstream said of one task at one time. An adapter
// makes it; [Decide] alone judges it.
type Observation struct {
	TaskID string
	// Status is what the upstream says of the task as a whole, in our words;
	// empty when it only reports items. Complete and Failed mean that the
	// upstream will not work on it any more.
	Status Status
	// Raw is the upstream's own word for it, kept for the event log.
	Raw string
	// Items are the results so far, in the upstream's order.
	Items []Item
	// Failure says why there is no (further) result; nil when all is well. A
	// transient or account failure is one of the call, the others of the task.
	Failure *Failure
}

// Item is one result of a task. Its position in the observation matters when
// it has no id of its own, and when it meets its placeholder for the first time.
type Item struct {
	ID             string // the provider's clip id; empty for lyrics
	Status         Status // empty: to be derived from what the item carries
	Title          string
	AudioURL       string // as the provider names its final audio; judged by [Decide]
	SourceAudioURL string // the provider's own source of it, the second choice
	StreamAudioURL string
	VideoURL       string
	ImageURL       string
	Lyrics         string
	Tags           string
	ModelName      string
	Duration       float64 // seconds
	Failure        *Failure
}
