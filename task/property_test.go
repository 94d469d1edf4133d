package task

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// life is what an upstream makes of one task: observations of growing
// knowledge, of which the last carries every value. The generation's end is
// known by then, whatever was seen before it and after it.
type life struct {
	typ   Type
	ends  []Status // of each item
	named bool     // items get ids of their own (lyrics may not)
	// ended says how the task as a whole ends.
	ended   Status
	failure *Failure
	reports bool // the upstream has a status for the task, not only items
	views   []Seen
	final   Seen
}

func (l *life) id(i int) string { return "00000000-0000-4000-8000-00000000000" + strconv.Itoa(i+1) }

var lifeTypes = []Type{Extend, Generate, Replace, Merge, Lyrics}

func drawLife(t *rapid.T) *life {
	l := &life{typ: rapid.SampledFrom(lifeTypes).Draw(t, "type"), named: true, reports: rapid.Bool().Draw(t, "reports")}
	if l.typ == Lyrics {
		l.named = rapid.Bool().Draw(t, "named")
	}
	n := rapid.IntRange(1, 3).Draw(t, "items")
	if !l.reports {
		n = DefaultHandlers()[l.typ].Clips // else the items alone cannot tell the end
	}
	l.drawEnd(t, n)
	for range rapid.IntRange(0, 6).Draw(t, "views") {
		l.views = append(l.views, l.drawView(t))
	}
	l.final = l.drawFinal(t)
	return l
}

func (l *life) drawEnd(t *rapid.T, n int) {
	l.ended = Complete
	for range n {
		l.ends = append(l.ends, rapid.SampledFrom([]Status{Complete, Failed}).Draw(t, "end"))
	}
	if !slices.Contains(l.ends, Complete) {
		l.ended = Failed
	}
	if rapid.IntRange(0, 3).Draw(t, "refused") > 0 {
		return
	}
	l.ended, l.reports = Failed, true
	l.failure = &Failure{Verdict: rapid.SampledFrom([]Verdict{TaskDead, Permanent}).Draw(t, "verdict"), Code: ModerationFlagged, Message: "refused"}
	l.ends[0] = Streaming // what was under way is cut off
	if l.failure.Verdict == TaskDead && slices.Contains(l.ends, Complete) {
		l.ended = Complete // what a dead task still shows as done is the user's
	}
}

// Stages of an item. It only ever advances.
const (
	stageNew  = iota // nothing but a status
	stageText        // named, with the beginning of its texts
	stagePlay        // with a preview
	stageEnd         // with all its values
	stages
)

// drawView is an observation in the middle of the life: some items, each at
// some stage, each value there or not, maybe with a failed call.
func (l *life) drawView(t *rapid.T) Seen {
	kind := rapid.SampledFrom([]string{"items", "items", "items", "items", "failed call", "account", "not reported"}).Draw(t, "kind")
	if kind == "not reported" {
		return Seen{}
	}
	obs := &Observation{TaskID: "t"}
	for i := range l.ends {
		stage := rapid.IntRange(0, stages-1).Draw(t, "stage")
		obs.Items = append(obs.Items, l.drawItem(t, i, stage))
	}
	obs.Items = l.drawOrder(t, obs.Items, 0)
	if l.reports {
		obs.Status = rapid.SampledFrom([]Status{Submitted, Queued, Processing, Streaming}).Draw(t, "status")
	}
	switch kind {
	case "failed call":
		obs.Failure = &Failure{Verdict: Transient, Reason: "http_5xx"}
	case "account":
		obs.Failure = &Failure{Verdict: Account}
	}
	return Seen{Observation: obs}
}

// drawOrder returns items as an answer may have them: named items in any order,
// some missing, some twice. Items without a name are known by their position
// only.
func (l *life) drawOrder(t *rapid.T, items []Item, least int) []Item {
	least = max(least, 0)
	if !l.named {
		return items[:rapid.IntRange(least, len(items)).Draw(t, "shown")]
	}
	items = rapid.Permutation(items).Draw(t, "order")
	items = items[:rapid.IntRange(least, len(items)).Draw(t, "shown")]
	if len(items) > 0 && items[0].ID != "" && rapid.IntRange(0, 4).Draw(t, "twice") == 0 {
		items = append(items, items[0])
	}
	return items
}

func (l *life) drawFinal(t *rapid.T) Seen {
	obs := &Observation{TaskID: "t", Status: Failed, Failure: l.failure}
	for i := range l.ends {
		obs.Items = append(obs.Items, l.item(i, stageEnd))
	}
	obs.Items = l.drawOrder(t, obs.Items, len(obs.Items))
	if !l.reports {
		obs.Status = ""
	} else if l.failure == nil {
		obs.Status = Complete
	}
	return Seen{Observation: obs}
}

// item is item i at a stage, with all that it can carry there.
func (l *life) item(i, stage int) Item {
	name := "item " + strconv.Itoa(i)
	it := Item{Status: []Status{Queued, Processing, Streaming, l.ends[i]}[stage]}
	if l.named && stage >= stageText {
		it.ID = l.id(i)
	}
	if stage >= stageText {
		it.Title, it.Tags, it.ModelName = name[:4], name[:1], name
	}
	if stage >= stagePlay {
		it.ImageURL, it.StreamAudioURL = "https://image.example/"+name[5:], streamOf(name[5:])
		it.Lyrics = "la"
	}
	if stage < stageEnd {
		return it
	}
	it.Title, it.Tags, it.Lyrics = name, name, "la la"
	it.VideoURL, it.Duration = "https://video.example/"+name[5:], 60+float64(i)
	if it.Status == Complete {
		it.AudioURL = audioOf(name[5:])
	}
	if it.Status == Failed {
		it.Failure = &Failure{Verdict: TaskDead, Message: "this one failed"}
	}
	return it
}

// drawItem is item i at a stage; before its end any value may be missing.
func (l *life) drawItem(t *rapid.T, i, stage int) Item {
	it := l.item(i, stage)
	if stage == stageEnd && l.ends[i].Terminal() {
		return it
	}
	if stage == stageNew && l.named && rapid.Bool().Draw(t, "named early") {
		it.ID = l.id(i)
	}
	for _, field := range []*string{&it.Title, &it.Tags, &it.ModelName, &it.ImageURL, &it.StreamAudioURL, &it.VideoURL, &it.Lyrics} {
		if rapid.IntRange(0, 3).Draw(t, "missing") == 0 {
			*field = ""
		}
	}
	it.AudioURL = rapid.SampledFrom([]string{"", "https://studio-api.prod.suno.com/api/forbidden"}).Draw(t, "no audio")
	if l.failure == nil && stage == stagePlay && it.StreamAudioURL == "" {
		it.AudioURL = "https://audiopipe.suno.ai/?item_id=" + l.id(i)
	}
	if it.Title == "" {
		it.Title = rapid.SampledFrom([]string{"", l.id(i)}).Draw(t, "untitled")
	}
	return it
}

// drawRows are the rows that an application inserted with the generation:
// placeholders of either numbering, in any order, or none.
func drawRows(t *rapid.T, typ Type) []Clip {
	form := rapid.SampledFrom([]string{"t-" + string(typ) + "-", "t-clip-"}).Draw(t, "form")
	first := 0
	if form == "t-clip-" {
		first = 1
	}
	var ids []string
	for i := range rapid.IntRange(0, 3).Draw(t, "placeholders") {
		ids = append(ids, form+strconv.Itoa(first+i))
	}
	if len(ids) == 0 {
		return nil
	}
	return rows(rapid.Permutation(ids).Draw(t, "row order")...)
}

// drawHistory is any order, repetition or subset of the life's observations
// that includes the final one.
func (l *life) drawHistory(t *rapid.T) []Seen {
	var out []Seen
	if len(l.views) > 0 {
		out = rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(l.views), l.final)), 0, 10).Draw(t, "history")
	}
	return slices.Insert(out, rapid.IntRange(0, len(out)).Draw(t, "final at"), l.final)
}

// requireSameEnd does not compare the texts of items that failed: rows do not
// keep them, so a later look that ends the generation may not know them.
func requireSameEnd(t require.TestingT, want, got *world) {
	require.Equal(t, want.g.Status, got.g.Status)
	require.Equal(t, want.g.ErrorCode, got.g.ErrorCode)
	require.Equal(t, want.byClipID(), got.byClipID())
}

func TestAnyHistoryEndsInTheSameRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		straight := newWorld(l.typ, drawRows(t, l.typ)...)
		wild := straight.clone()

		straight.lookStrictly(t, l.final)
		require.Equal(t, l.ended, straight.g.Status)
		for _, seen := range l.drawHistory(t) {
			wild.lookStrictly(t, seen)
		}
		requireSameEnd(t, straight, wild)
	})
}

// Two passes interleave: both load, both decide on what they loaded, both
// commit. The lock makes the second decide again on the rows that the first
// left; what it decided before is only a reason to take the lock.
func TestInterleavedPassesEndInTheSameRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		straight := newWorld(l.typ, drawRows(t, l.typ)...)
		shared := straight.clone()
		straight.look(t, l.final)

		var stale []*world
		for i, seen := range l.drawHistory(t) {
			stale = append(stale, shared.clone())
			loaded := stale[rapid.IntRange(max(0, i-3), i).Draw(t, "loaded")]
			wanted := loaded.decide(seen)
			if !wanted.Writes(loaded.g) {
				// What adds nothing to older clips adds nothing to newer ones, so
				// a pass may skip the lock.
				require.Empty(t, shared.decide(seen).Clips, "a stale pass would have skipped a write")
				continue
			}
			shared.lookStrictly(t, seen)
		}
		requireSameEnd(t, straight, shared)
	})
}

// Whatever was seen until then, the deadline ends the generation, and what it
// made playable stays so.
func TestTheDeadlineEndsEveryLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		w := newWorld(l.typ, drawRows(t, l.typ)...)
		w.policy.ProbeCDN = rapid.Bool().Draw(t, "probe")
		for _, seen := range l.views {
			w.lookStrictly(t, seen)
		}
		w.at(DefaultTimeout + time.Duration(rapid.IntRange(0, 1000).Draw(t, "late")))
		last := saw(Processing)
		if len(l.views) > 0 && rapid.Bool().Draw(t, "one more look") {
			last = l.views[len(l.views)-1]
		}
		if o := last.Observation; w.g.Status.Pending() && (o == nil || !o.isAnswer()) {
			require.True(t, w.lookStrictly(t, last).Status.Pending(), "an end without an answer")
			w.now = w.now.Add(DefaultGrace)
			last = saw(Queued)
		}
		d := w.lookStrictly(t, last)
		if len(d.Probe) > 0 {
			last.Probes = map[string]Probe{}
			for _, url := range d.Probe {
				last.Probes[url] = rapid.SampledFrom([]Probe{ProbeNoAnswer, ProbePlayable, ProbeDead}).Draw(t, "answer")
			}
			d = w.lookStrictly(t, last)
		}
		require.Empty(t, d.Probe)
		require.True(t, w.g.Status.Terminal())
		for _, c := range w.clips {
			require.True(t, c.Status.Terminal())
			require.False(t, w.policy.Handlers.isPlaceholder(c.ClipID) && l.named && c.AudioURL != "", "a placeholder became a link")
		}
	})
}
