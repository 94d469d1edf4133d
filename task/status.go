package task

// Status is how far a generation or a clip has come, in the words of the columns
// music_generations.status and music_clips.status, in which an application may have
// words of its own: see [StatusWords]. Pending statuses only move
// forward; a terminal one never changes.
type Status string

// The statuses, in the order in which they follow each other. Complete and Failed
// are both terminal.
const (
	Submitted  Status = "submitted"
	Queued     Status = "queued"
	Processing Status = "processing"
	Streaming  Status = "streaming"
	Complete   Status = "complete"
	Failed     Status = "failed"
)

// Statuses returns all statuses, the earlier ones first.
func Statuses() []Status {
	return []Status{Submitted, Queued, Processing, Streaming, Complete, Failed}
}

// Terminal reports whether s is complete or failed.
func (s Status) Terminal() bool { return s == Complete || s == Failed }

// Pending reports whether s is one of the four statuses before the end. An
// unknown word is neither pending nor terminal.
func (s Status) Pending() bool { return s.rank() > 0 && !s.Terminal() }

// Join returns the further of the two statuses. A terminal s stays as it is; an
// unknown word never replaces a known one.
func (s Status) Join(seen Status) Status {
	if s.Terminal() || seen.rank() <= s.rank() {
		return s
	}
	return seen
}

func (s Status) rank() int {
	switch s {
	case Submitted:
		return 1
	case Queued:
		return 2
	case Processing:
		return 3
	case Streaming:
		return 4
	case Complete, Failed:
		return 5
	default:
		return 0
	}
}
