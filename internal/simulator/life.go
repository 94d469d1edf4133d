package simulator

import (
	"math"
	"time"

	"tasksync/task"
)

// life is what happens to one task, whatever the wire format. A life is drawn once
// and never changes, so it is read without a lock.
type life struct {
	id       string
	taskType task.Type
	fate     Fate
	clips    int    // how many results such tasks usually have
	parent   string // the clip that an extension continues
	items    []Item // every value that the task ever shows
	phases   []phase
	code     task.Code // of a failure
	lost     bool      // the provider does not know the task
	fitted             // by the wire format
}

// phase is what the upstream knows of a task from some age on. The first phase
// of a life begins at 0, the later ones in order of age.
type phase struct {
	from    time.Duration
	state   state
	shows   []shownItem
	trouble *trouble
}

// state is the state of a task at the provider, in no provider's words.
type state uint8

const (
	waiting     state = iota
	strange           // a state that no documentation names
	written           // the text is there
	firstDone         // the first clip is final
	done              // all clips are final
	undelivered       // done, but the provider's webhook was not accepted
	notCreated        // failed before it began
	failed
	refused // failed for its content
)

// over reports whether the provider has ended its work on a task in state s.
func (s state) over() bool { return s >= done }

// trouble is an error as the provider tells it.
type trouble struct {
	code *int   // nil: none told
	text string // empty: none told
}

// said returns the text of a trouble; empty if there is no trouble.
func (t *trouble) said() string {
	if t == nil {
		return ""
	}
	return t.text
}

func coded(code int, text string) *trouble { return &trouble{&code, text} }

// shownItem is one item in an answer: its index, and how much of it is told.
type shownItem struct {
	item  int
	depth depth
}

// depth is how much of an item is told.
type depth uint8

const (
	depthText    depth = iota // title, lyrics and tags
	depthPreview              // and what can be streamed
	depthFaded                // values that were told are empty again
	depthFinal                // everything
)

// Item is one result of a task, as the provider has it: the values under the
// provider's names, before any synchronizer has judged them.
type Item struct {
	ID                   string      `json:"id,omitempty"` // empty for lyrics
	Title                string      `json:"title"`
	NullTitle            bool        `json:"null_title,omitempty"` // told as null
	AudioURL             string      `json:"audio_url"`
	SourceAudioURL       string      `json:"source_audio_url"`
	StreamAudioURL       string      `json:"stream_audio_url"`
	VideoURL             string      `json:"video_url,omitempty"`
	SourceStreamAudioURL string      `json:"source_stream_audio_url"`
	ImageURL             string      `json:"image_url"`
	SourceImageURL       string      `json:"source_image_url"`
	Lyrics               string      `json:"lyrics"`
	Tags                 string      `json:"tags"`
	ModelName            string      `json:"model_name"`
	Duration             float64     `json:"duration"` // seconds; 0: told as null
	Status               task.Status `json:"status"`   // complete, failed, or what it is before
	ErrorText            string      `json:"error_text,omitempty"`

	lateTitle bool // until it is final, the title is the id
}

// seen returns the item as told to that depth.
func (i Item) seen(d depth) Item {
	if d == depthFinal {
		return i
	}
	i.Status, i.AudioURL, i.SourceAudioURL, i.VideoURL, i.Duration = task.Streaming, "", "", "", 0
	if i.lateTitle {
		i.Title = i.ID
	}
	if d == depthPreview {
		return i
	}
	i.Status = task.Processing
	i.StreamAudioURL, i.SourceStreamAudioURL, i.ImageURL, i.SourceImageURL = "", "", "", ""
	if d == depthFaded {
		i.Title, i.Lyrics, i.Tags, i.ModelName = "", "", "", ""
	}
	return i
}

// at returns the index of the phase that a task of this age is in.
func (l *life) at(age time.Duration) int {
	now := 0
	for i, p := range l.phases {
		if p.from <= age {
			now = i
		}
	}
	return now
}

// last returns the phase that the life ends in, or stays in.
func (l *life) last() phase { return l.phases[len(l.phases)-1] }

// finalItems returns the items as the last phase tells them, in its order.
func (l *life) finalItems() []Item { return l.told(l.last()) }

func (l *life) told(p phase) []Item {
	items := make([]Item, len(p.shows))
	for i, g := range p.shows {
		items[i] = l.items[g.item].seen(g.depth)
	}
	return items
}

func (l *life) lyrics() bool { return l.taskType == task.Lyrics }

// hasten divides all ages by speed; after an infinite speed only the end is left.
func (l *life) hasten(speed float64) {
	for i := range l.phases {
		l.phases[i].from = time.Duration(math.Ceil(float64(l.phases[i].from) / speed))
	}
}
