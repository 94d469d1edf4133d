package task

import (
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"math"
	"strconv"
	"time"
)

// Memory is what tasksync remembers about a row from look to look, beside the
// row itself. [Policy.Decide] takes it with the generation and returns it with
// the decision, so that rules that span several looks are pure too. Most rows
// need none: the zero value is not stored. All times come from the same clock as
// now.
type Memory struct {
	// BeganAt is when the row's time began, if not at created_at: at the first look
	// at a row whose created_at lies in the future, or at a retry.
	BeganAt time.Time

	// Doubts counts the provisional verdicts since the last other answer, up to the
	// number that confirms a verdict; DoubtedAt is when the first of them came.
	Doubts    int
	DoubtedAt time.Time

	// DoneAt is when the provider first called the task complete while audio was
	// missing, so that the row was not.
	DoneAt time.Time

	// AskedAt is when the first look past the deadline was sent: the grace begins
	// then. HeldAt is since when the grace stands still, because the account is paused
	// or the address of a call unknown; Held is how long it stood still before.
	AskedAt time.Time
	HeldAt  time.Time
	Held    time.Duration

	// Reason is why the last look past the deadline was not answered; FailingAt is
	// since when none was. It is [ReasonNoTaskID] while the row waits for its task.
	Reason    string
	FailingAt time.Time

	// Rejected names the constraint, trigger or column of the database that has
	// rejected the row's results since RejectedAt.
	Rejected   string
	RejectedAt time.Time

	// EndedAt is when the deadline ended the row, LateAt when the next look for a
	// late result is due; LateLooks counts the answered ones.
	EndedAt   time.Time
	LateAt    time.Time
	LateLooks int

	// Written says what tasksync wrote into the clips: see [written].
	Written string
}

// written holds, by clip id, a fingerprint of each value that tasksync last wrote
// into the clip. If the clip now has a value with another fingerprint, the
// application wrote that value, and it stays. A Memory holds the map as JSON, so
// that it can be compared and stored.
type written map[string]fingerprints

// fingerprints holds one for each text of a clip, in the order of [Clip.texts],
// and one for its duration; 0: tasksync wrote none.
type fingerprints [9]uint32

func parseWritten(text string) written {
	var raw map[string]string
	if text == "" || json.Unmarshal([]byte(text), &raw) != nil {
		return written{}
	}
	w := make(written, len(raw))
	for id, code := range raw {
		var prints fingerprints
		for i := range prints {
			if end := 8 * (i + 1); end <= len(code) {
				n, _ := strconv.ParseUint(code[8*i:end], 16, 32) // 0 if it is no number
				prints[i] = uint32(n)
			}
		}
		w[id] = prints
	}
	return w
}

func (w written) String() string {
	if len(w) == 0 {
		return ""
	}
	raw := make(map[string]string, len(w))
	for id, prints := range w {
		var code []byte
		for _, n := range prints {
			code = append(code, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		}
		raw[id] = hex.EncodeToString(code)
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return "" // cannot happen: the map holds strings only
	}
	return string(text)
}

// texts returns the texts that an observation can fill into a clip. The id and
// the status are not among them.
func (c *Clip) texts() [8]*string {
	return [8]*string{&c.Title, &c.AudioURL, &c.StreamAudioURL, &c.VideoURL, &c.ImageURL, &c.Lyrics, &c.Tags, &c.ModelName}
}

// reconcile restores in joined the values of have that the application wrote, and
// notes the others as written by tasksync. If joined equals have, tasksync will
// write nothing, and the notes stay as they are.
func (w written) reconcile(have Clip, joined *Clip) {
	if *joined == have {
		return
	}
	prints := w[have.ClipID]
	delete(w, have.ClipID)
	was, is := have.texts(), joined.texts()
	for i := range is {
		if prints[i] != 0 && *was[i] != "" && fingerprint(*was[i]) != prints[i] {
			*is[i] = *was[i]
		} else {
			prints[i] = fingerprint(*is[i])
		}
	}
	last := len(prints) - 1
	if prints[last] != 0 && have.Duration != 0 && durationFingerprint(have.Duration) != prints[last] {
		joined.Duration = have.Duration
	} else {
		prints[last] = durationFingerprint(joined.Duration)
	}
	if prints != (fingerprints{}) {
		w[joined.ClipID] = prints
	}
}

// fingerprint returns a hash of value; 0 only if value is empty.
func fingerprint(value string) uint32 {
	if value == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(value)) // a hash returns no error
	return max(1, h.Sum32())
}

func durationFingerprint(seconds float64) uint32 {
	if seconds == 0 {
		return 0
	}
	return fingerprint(strconv.FormatUint(math.Float64bits(seconds), 16))
}
