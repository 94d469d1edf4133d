package task

import (
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"math"
	"strconv"
	"time"
)

// Memory is what tasksync remembers of a row from look to look, beside the row
// itself. [Policy.Decide] takes it with the generation and gives it back with the
// decision, so that every rule that spans several looks is pure too. Most rows
// need none: the zero value is not stored. Times are of the same clock as now.
type Memory struct {
	// BeganAt is when the row's time began, if that was not at created_at: the
	// first hearing of a row whose created_at lies in the future, or a retry.
	BeganAt time.Time

	// Doubts counts the provisional verdicts in a row, up to what confirms one,
	// and DoubtedAt is the first of them.
	Doubts    int
	DoubtedAt time.Time

	// DoneAt is when the provider first called the task complete while audio was
	// missing.
	DoneAt time.Time

	// AskedAt is the first look that was sent past the deadline; the grace runs
	// from it. It stands still from HeldAt on, while the account is paused; Held
	// is how long it has stood still before.
	AskedAt time.Time
	HeldAt  time.Time
	Held    time.Duration

	// Reason is why the last look past the deadline brought no answer, and
	// FailingAt since when none did.
	Reason    string
	FailingAt time.Time

	// Refused names what of the database refused the row's results, since RefusedAt.
	Refused   string
	RefusedAt time.Time

	// EndedAt is when the deadline ended the row, LateAt when it is looked at
	// again for a late result, LateLooks how often it was. Zero: never.
	EndedAt   time.Time
	LateAt    time.Time
	LateLooks int

	// Written tells what tasksync wrote into clips: see [written].
	Written string
}

// written holds, by clip id, a fingerprint of each value that tasksync last wrote
// into the clip. A value in the row that has another one is the application's,
// and stays. A Memory keeps it as JSON, so that it can be compared and stored.
type written map[string]fingerprints

// fingerprints are those of a clip's values, in the order of [Clip.values]; 0: none
// was written.
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
				n, _ := strconv.ParseUint(code[8*i:end], 16, 32) // 0 where it is none
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
		return "" // strings only: it cannot be
	}
	return string(text)
}

// values are what an observation can fill in a clip, beside its id and status.
func (c *Clip) values() [8]*string {
	return [8]*string{&c.Title, &c.AudioURL, &c.StreamAudioURL, &c.VideoURL, &c.ImageURL, &c.Lyrics, &c.Tags, &c.ModelName}
}

// keep puts those values of have that the application wrote back into joined,
// and notes what tasksync wrote of the others.
//
// A clip that is not written keeps what was noted of it.
func (w written) keep(have Clip, joined *Clip) {
	if *joined == have {
		return
	}
	prints := w[have.ClipID]
	delete(w, have.ClipID)
	was, is := have.values(), joined.values()
	for i := range is {
		if prints[i] != 0 && *was[i] != "" && fingerprint(*was[i]) != prints[i] {
			*is[i] = *was[i]
		} else {
			prints[i] = fingerprint(*is[i])
		}
	}
	last := len(prints) - 1
	if prints[last] != 0 && have.Duration != 0 && fingerprintOf(have.Duration) != prints[last] {
		joined.Duration = have.Duration
	} else {
		prints[last] = fingerprintOf(joined.Duration)
	}
	if prints != (fingerprints{}) {
		w[joined.ClipID] = prints
	}
}

// fingerprint is never 0 for a value.
func fingerprint(value string) uint32 {
	if value == "" {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(value)) // a hash refuses nothing
	return max(1, h.Sum32())
}

func fingerprintOf(seconds float64) uint32 {
	if seconds == 0 {
		return 0
	}
	return fingerprint(strconv.FormatUint(math.Float64bits(seconds), 16))
}
