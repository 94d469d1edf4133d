package task

// Stage is how far a row under way has come, as the items of an answer show it.
type Stage uint8

// The stages, in their order. Not every provider shows all of them.
const (
	StageSubmitted Stage = iota // nothing but that the task is under way
	StageWorded                 // titles, lyrics or tags
	StagePreview                // something to stream
	StagePartial                // a result that is final
	Stages                      // how many stages there are
)

// stageOf is the stage that the results in an answer show.
func stageOf(seen []Clip) Stage {
	stage := StageSubmitted
	for _, c := range seen {
		switch {
		case c.Status == Complete:
			return StagePartial
		case c.StreamAudioURL != "":
			stage = max(stage, StagePreview)
		case c.Title != "" || c.Lyrics != "" || c.Tags != "":
			stage = max(stage, StageWorded)
		}
	}
	return stage
}

// StageOf is the stage that a clip shows as it is stored. What the application wrote
// into a clip, as its title, is no sign: a clip counts once its status is beyond
// submitted, which comes with the first item that is joined into it.
func StageOf(stored Clip) Stage {
	if stored.Status.rank() <= Submitted.rank() {
		return StageSubmitted
	}
	return stageOf([]Clip{stored})
}

// String is the stage in a word: submitted, text, preview or first.
func (s Stage) String() string {
	switch s {
	case StageWorded:
		return "text"
	case StagePreview:
		return "preview"
	case StagePartial:
		return "first"
	default:
		return "submitted"
	}
}
