package task

import "time"

// Type is the type of a task, in the words of music_generations.task_type. The
// empty type marks a row of the V1 API, which tasksync neither reads nor writes.
type Type string

// The task types of the specification.
const (
	Extend   Type = "extend"
	Generate Type = "generate"
	Lyrics   Type = "lyrics"
	Merge    Type = "merge"
	Replace  Type = "replace"
)

// Generation is a row of music_generations, as far as tasksync reads it.
type Generation struct {
	ID           string // uuid
	UserID       string // uuid; empty if the row has none
	TaskID       string // the provider's id of the task; empty until the application knows it
	Type         Type
	Provider     string // name of the provider to ask; empty: the default one
	Status       Status
	Unsubmitted  bool // it has no task id, and may wait for the application to submit its task: see [MayBeUnsubmitted]
	ErrorCode    Code
	ErrorMessage string
	CreatedAt    time.Time
	Memory       Memory
}

// Clip is a row of music_clips. An empty string and a zero duration are values
// that are not known yet; they are stored as NULL.
type Clip struct {
	ID             string // the row's key, a uuid; empty if the clip has no row yet
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
	// CreatedAt orders the clips of a row; zero: the clip is new, or its time is not
	// known.
	CreatedAt time.Time
}

// Ref names one task to a provider.
type Ref struct {
	TaskID  string
	Type    Type
	ClipIDs []string // real clip ids known so far, for providers that are asked by clip
	// Alone asks for a call about this task alone, if the provider has one. After a
	// row's deadline it is not enough that an answer about many tasks left this one
	// out.
	Alone bool
	// User is whose row the task is of; calls for different users take turns.
	User string
	// Value is how much waiting, in seconds, the look is expected to end. Among the
	// calls of a user the most valuable goes first.
	Value float64
}

// Observation is what one answer says about one task. An adapter makes it; only
// [Policy.Decide] judges it.
type Observation struct {
	TaskID string
	// Status is the provider's status of the whole task, in our words; empty if it
	// only reports items. Complete and Failed mean that the provider has stopped
	// working on the task.
	Status Status
	// Raw is the provider's own word for Status, for the event log.
	Raw string
	// Items are the results so far, in the provider's order.
	Items []Item
	// Failure says why there is no result, or no further one; nil if all is well. A
	// transient or account failure is about the call, any other about the task.
	Failure *Failure
	// Waited is how long the call waited before it was sent, for a slot of the rate limit
	// for example; 0: that is not known, or there was no wait.
	Waited time.Duration `json:"-"` // of the call, not of the answer
}

// Item is one result of a task. Its position in the observation matters if it has
// no id, and when it is first matched with a placeholder.
type Item struct {
	ID             string // the provider's clip id; empty for lyrics
	Status         Status // empty: derived from what the item carries
	Title          string
	AudioURL       string // what the provider calls the final audio; [Policy.Decide] judges it
	SourceAudioURL string // the provider's own source of the audio, as a second choice
	StreamAudioURL string
	VideoURL       string
	ImageURL       string
	Lyrics         string
	Tags           string
	ModelName      string
	Duration       float64 // seconds
	Failure        *Failure
}
