package task

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// dice turns the fuzzer's bytes into choices; when they have run out, every
// choice is the first.
type dice struct{ data []byte }

func (d *dice) byte() byte {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

func (d *dice) below(n int) int { return int(d.byte()) % n }

func roll[T any](d *dice, of ...T) T { return of[d.below(len(of))] }

// raw takes the next bytes as they are, repeated to a length that may exceed
// every limit.
func (d *dice) raw() string {
	n := min(d.below(12), len(d.data))
	text := string(d.data[:n])
	d.data = d.data[n:]
	return strings.Repeat(text, roll(d, 1, 1, 1, 30, 300, 9000))
}

func (d *dice) text() string {
	return roll(d, "", d.raw(), "a title", idA, " \x00\xff ")
}

func (d *dice) url() string {
	return roll(d, "", d.raw(), audioOf("x"), audioOf("y"), streamOf("x"), "https://audiopipe.suno.ai/?item_id="+idA,
		"https://studio-api.prod.suno.com/api/forbidden", "https://u:p@cdn.example/a.mp3", "javascript:alert(1)",
		CDNURL(idB), "http://"+d.raw(), "https://cdn.example/"+d.raw())
}

func (d *dice) clipID() string {
	return roll(d, "", idA, idB, idC, "t-clip-0", "t-clip-1", "t-clip-2", "t-generate-0", "t-generate-1", "t-lyrics-0", "t-lyrics-1",
		"t-extend-99999999999999999999", strings.ToUpper(idA), d.raw())
}

func (d *dice) status() Status {
	return roll(d, "", Submitted, Queued, Processing, Streaming, Complete, Failed, Status(d.raw()))
}

func (d *dice) failure() *Failure {
	if d.below(4) > 0 {
		return nil
	}
	return &Failure{
		Verdict: Verdict(d.below(6)), Code: roll(d, "", APIError, Copyrighted), Message: d.text(), Reason: "fuzz",
		RetryAfter: roll(d, 0, time.Second, -time.Hour, time.Duration(math.MaxInt64)),
	}
}

func (d *dice) item() Item {
	return Item{
		ID: d.clipID(), Status: d.status(), Title: d.text(), AudioURL: d.url(), SourceAudioURL: d.url(), StreamAudioURL: d.url(),
		VideoURL: d.url(), ImageURL: d.url(), Lyrics: d.text(), Tags: d.text(), ModelName: d.text(),
		Duration: roll(d, 0, 1.5, 200, -1, math.Inf(1), math.NaN()), Failure: d.failure(),
	}
}

// row is a clip that Postgres could hold: text is valid, clip ids are unique.
func (d *dice) row(id string) Clip {
	stored := func(s string) string { return clean(s, math.MaxInt) }
	return Clip{
		ID: id, GenerationID: "g", ClipID: stored(d.clipID()), Status: Status(stored(string(d.status()))), Title: stored(d.text()),
		AudioURL: stored(d.url()), StreamAudioURL: stored(d.url()), VideoURL: stored(d.url()), ImageURL: stored(d.url()),
		Lyrics: stored(d.text()), Tags: stored(d.text()), ModelName: stored(d.text()), Duration: roll(d, 0.0, 1.5, 200),
	}
}

func (d *dice) rows() []Clip {
	var out []Clip
	for i := range d.below(5) {
		c := d.row(string(rune('a' + i)))
		if c.ClipID == "" || slices.ContainsFunc(out, func(o Clip) bool { return o.ClipID == c.ClipID }) {
			continue
		}
		out = append(out, c)
	}
	return out
}

func (d *dice) seen() Seen {
	if d.below(8) == 1 {
		return Seen{}
	}
	obs := &Observation{TaskID: "t", Status: d.status(), Failure: d.failure()}
	for range d.below(5) {
		obs.Items = append(obs.Items, d.item())
	}
	for range roll(d, 0, 0, 0, 100) * min(1, len(obs.Items)) {
		obs.Items = append(obs.Items, obs.Items[0]) // more than maxItems
	}
	seen := Seen{Observation: obs, Probes: map[string]Probe{}}
	for _, id := range []string{idA, idB, idC} {
		if answer := d.below(4); answer < 3 {
			seen.Probes[CDNURL(id)] = Probe(answer)
		}
	}
	return seen
}

func (d *dice) world() *world {
	w := newWorld(roll(d, Generate, Extend, Replace, Merge, Lyrics, "", "unheard-of"))
	w.g.Status = roll(d, Submitted, Queued, Processing, Streaming, Complete, Failed, "cancelled")
	w.g.TaskID = roll(d, "t", "", "t-clip")
	w.policy.ProbeCDN = d.below(2) == 0
	w.policy.PollInterval = roll(d, 0, time.Second, time.Hour)
	w.clips = d.rows()
	return w
}

// randomBytes returns the same bytes for the same seed. Long ones make full
// worlds at once, which the fuzzer takes long to find by itself.
func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]byte, n)
	for i := range out {
		if r.IntN(3) > 0 { // zeros are the plain choices
			out[i] = byte(r.Uint32())
		}
	}
	return out
}

// FuzzDecide holds Decide to its invariants on rows that any program may have
// written, and on observations that no provider would send.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	for seed := range uint64(40) {
		f.Add(randomBytes(seed, 200+40*int(seed)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &dice{data: data}
		w := d.world()
		for range 1 + d.below(4) {
			w.at(roll(d, 30*time.Second, -time.Hour, 0, 2*time.Minute, 10*time.Minute, 10*time.Minute-1, 24*time.Hour))
			w.lookStrictly(t, d.seen())
		}
	})
}
