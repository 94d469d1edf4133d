package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tasksync/task"
)

// Record is what the simulator itself knows of a task.
type Record struct {
	TaskID      string        `json:"task_id"`
	Type        task.Type     `json:"task_type"`
	Fate        Fate          `json:"fate"`
	SubmittedAt time.Time     `json:"submitted_at"`
	FinalAt     time.Time     `json:"final_at,omitzero"`       // when the life cycle ends; zero: never
	Items       []Item        `json:"items"`                   // as the last answer has them, in its order
	ErrorCode   int           `json:"error_code,omitempty"`    // as the last answer has it
	ErrorText   string        `json:"error_text,omitempty"`    // as the last answer has it
	Expected    Expectation   `json:"expected"`                // the end to which a right synchronizer brings the task
	Asked       int           `json:"asked"`                   // status requests that reached the task
	AskedAt     time.Time     `json:"asked_at,omitzero"`       // the first of them
	ToldAt      time.Time     `json:"told_at,omitzero"`        // the first that was answered with the last phase, and no fault
	Faults      map[Fault]int `json:"faults_served,omitempty"` // answers that were faults, by fault
}

// Expectation is what the rows of a task must be in the end, whenever and however often
// a right synchronizer has asked. The deadline must be later than Record.FinalAt, and
// for a forgotten task later than the synchronizer's patience with unknown tasks. A
// refusal may be known, and end the task, before FinalAt.
type Expectation struct {
	Status    task.Status `json:"status"` // complete or failed
	ErrorCode task.Code   `json:"error_code,omitempty"`
	// ErrorMessage is the provider's text; empty when there is none and the
	// synchronizer has a text of its own.
	ErrorMessage string `json:"error_message,omitempty"`
	// AtDeadline: the provider never comes to an end, the deadline does.
	AtDeadline bool `json:"at_deadline,omitempty"`
	// Clips are the clips with content, in no order. Beside them there may be
	// placeholders that nothing filled.
	Clips []Clip `json:"clips"`
}

// Clip is an expected row of music_clips. Empty means NULL.
type Clip struct {
	ClipID         string      `json:"clip_id"` // <taskId>-lyrics-<index from 0> for lyrics
	Status         task.Status `json:"status"`
	Title          string      `json:"title"`
	AudioURL       string      `json:"audio_url"`
	StreamAudioURL string      `json:"stream_audio_url"`
	VideoURL       string      `json:"video_url"` // sunoapi and kie have none
	ImageURL       string      `json:"image_url"`
	Lyrics         string      `json:"lyrics"`
	Tags           string      `json:"tags"`
	ModelName      string      `json:"model_name"`
	Duration       float64     `json:"duration"`
	// Fleeting: the stream URL is told only until the audio is final, so a
	// synchronizer may never have seen it; see [Clip.Allow].
	Fleeting bool `json:"fleeting,omitempty"`
	// Derive: no final audio was ever told, so AudioURL is empty here; in the row
	// it is what the synchronizer's CDN rule makes of the clip id.
	Derive bool `json:"derive,omitempty"`
}

func (t *subject) record() Record {
	last := t.life.last()
	r := Record{
		TaskID: t.life.id, Type: t.life.taskType, Fate: t.life.fate,
		SubmittedAt: t.submittedAt, FinalAt: t.finalAt(),
		Items: t.life.finalItems(), Expected: t.life.expected(),
		Asked: int(t.asked.Load()), AskedAt: t.askedAt.load(), ToldAt: t.toldAt.load(),
		Faults: t.faultCounts(), ErrorText: last.trouble.said(),
	}
	if last.trouble != nil && last.trouble.code != nil {
		r.ErrorCode = *last.trouble.code
	}
	return r
}

func (l *life) expected() Expectation {
	last := l.last()
	switch {
	case l.lost && l.leftOut:
		return Expectation{Status: task.Failed, ErrorCode: task.APIError, AtDeadline: true}
	case l.lost:
		return Expectation{Status: task.Failed, ErrorCode: l.code, ErrorMessage: cmp.Or(l.lostText, taskNotFound)}
	case last.state == done || last.state == undelivered:
		clips := l.expectedClips()
		open := slices.ContainsFunc(clips, isDerived) || (l.itemsOnly && !l.lyrics() && len(clips) < l.clips)
		return Expectation{Status: task.Complete, AtDeadline: open, Clips: clips}
	case last.state.over():
		return Expectation{Status: task.Failed, ErrorCode: l.code, ErrorMessage: last.trouble.said()}
	case len(last.shows) > 0:
		return Expectation{Status: task.Complete, AtDeadline: true, Clips: l.expectedClips()}
	default:
		return Expectation{Status: task.Failed, ErrorCode: task.APIError, AtDeadline: true}
	}
}

func (l *life) expectedClips() []Clip {
	var clips []Clip
	last := l.last()
	for i, item := range l.finalItems() {
		if l.sourceExpires {
			item.SourceAudioURL = ""
		}
		c := item.expected()
		c.Derive = !l.lyrics() && c.AudioURL == ""
		c.Fleeting = l.oneURL && last.shows[i].depth == depthFinal
		if c.ClipID == "" {
			c.ClipID = fmt.Sprintf("%s-lyrics-%d", l.id, i)
		}
		clips = append(clips, c)
	}
	return clips
}

// expected returns the row of an item: with the final URLs, or else with the source's.
func (i Item) expected() Clip {
	c := Clip{
		ClipID: i.ID, Status: task.Complete, Title: i.Title,
		AudioURL:       firstURL(i.AudioURL, i.SourceAudioURL),
		StreamAudioURL: firstURL(i.StreamAudioURL, i.SourceStreamAudioURL),
		VideoURL:       i.VideoURL,
		ImageURL:       firstURL(i.ImageURL, i.SourceImageURL),
		Lyrics:         i.Lyrics, Tags: i.Tags, ModelName: i.ModelName, Duration: i.Duration,
	}
	if i.Status == task.Failed {
		c.Status = task.Failed
	}
	if c.Title == i.ID {
		c.Title = ""
	}
	return c
}

// Allow returns c as it may be compared with row: without a fleeting stream URL, if row
// has none.
func (c Clip) Allow(row Clip) Clip {
	if c.Fleeting && row.StreamAudioURL == "" {
		c.StreamAudioURL = ""
	}
	c.Fleeting = false
	return c
}

func isDerived(c Clip) bool { return c.Derive }

func firstURL(urls ...string) string {
	for _, u := range urls {
		if u != "" && u != sentinel {
			return u
		}
	}
	return ""
}
