package task

import (
	"slices"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"
)

// born is when the generations of the tests were made.
var born = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Clip ids as Suno gives them.
const (
	idA = "aaaaaaaa-0000-4000-8000-000000000001"
	idB = "bbbbbbbb-0000-4000-8000-000000000002"
	idC = "cccccccc-0000-4000-8000-000000000003"
)

func generation(t Type) Generation {
	return Generation{ID: "g", UserID: "u", TaskID: "t", Type: t, Status: Submitted, CreatedAt: born}
}

// rows are pending clips with these clip ids, in this order.
func rows(clipIDs ...string) []Clip {
	out := make([]Clip, len(clipIDs))
	for i, id := range clipIDs {
		out[i] = Clip{ID: "row" + strconv.Itoa(i), GenerationID: "g", ClipID: id, Status: Submitted}
	}
	return out
}

func audioOf(id string) string  { return "https://cdn.example/" + id + ".mp3" }
func streamOf(id string) string { return "https://stream.example/" + id }

func song(id string) Item {
	return Item{ID: id, Status: Complete, Title: "Song", AudioURL: audioOf(id), Duration: 61.5}
}

func saw(status Status, items ...Item) Seen {
	return Seen{Observation: &Observation{TaskID: "t", Status: status, Items: items}}
}

func refused(f Failure, items ...Item) Seen {
	return Seen{Observation: &Observation{TaskID: "t", Items: items, Failure: &f}}
}

// world is a generation and its clips, as a store of one row would hold them.
type world struct {
	policy Policy
	now    time.Time
	g      Generation
	clips  []Clip
	fresh  int
}

func newWorld(t Type, clips ...Clip) *world {
	return &world{policy: DefaultPolicy(), now: born.Add(30 * time.Second), g: generation(t), clips: clips}
}

func (w *world) at(age time.Duration) *world {
	w.now = born.Add(age)
	return w
}

func (w *world) clone() *world {
	c := *w
	c.clips = slices.Clone(w.clips)
	return &c
}

// decide asks as a pass does: what was observed was asked for now, and the
// provider can be believed.
func (w *world) decide(seen Seen) Decision {
	if seen.AskedAt.IsZero() && seen.Observation != nil {
		seen.AskedAt = w.now
	}
	if seen.Vouch == VouchUnasked {
		seen.Vouch = Vouched
	}
	return w.policy.Decide(w.now, w.g, w.clips, seen)
}

// look decides and commits, as syncer does.
func (w *world) look(t require.TestingT, seen Seen) Decision {
	d := w.decide(seen)
	w.commit(t, d)
	return d
}

func (w *world) commit(t require.TestingT, d Decision) {
	if len(d.Probe) > 0 {
		return
	}
	if d.Status == Failed && w.g.Status != Failed {
		w.g.ErrorCode, w.g.ErrorMessage = d.ErrorCode, d.ErrorMessage
	}
	w.g.Status, w.g.Memory = d.Status, d.Memory
	for _, c := range d.Clips {
		if c.ID == "" {
			w.fresh++
			c.ID = "new" + strconv.Itoa(w.fresh)
			w.clips = append(w.clips, c)
			continue
		}
		i := slices.IndexFunc(w.clips, func(o Clip) bool { return o.ID == c.ID })
		require.GreaterOrEqual(t, i, 0, "a clip with an unknown row id")
		w.clips[i] = c
	}
}

// statuses are the clips' statuses by clip id.
func (w *world) statuses() map[string]Status {
	out := map[string]Status{}
	for _, c := range w.clips {
		out[c.ClipID] = c.Status
	}
	return out
}

// byClipID are the clips without their row ids, by clip id.
func (w *world) byClipID() map[string]Clip {
	out := map[string]Clip{}
	for _, c := range w.clips {
		c.ID = ""
		out[c.ClipID] = c
	}
	return out
}

func (w *world) clip(t require.TestingT, clipID string) Clip {
	i := slices.IndexFunc(w.clips, func(c Clip) bool { return c.ClipID == clipID })
	require.GreaterOrEqual(t, i, 0, "no clip %s", clipID)
	return w.clips[i]
}
