package jobs

import (
	"strings"
	"time"

	"tasksync/looks"
)

// dueTimes is what a sync job remembers between its looks, as River's recorded
// output: when each member is due, in Unix milliseconds and in the order of the ids;
// 0 for a member that has ended.
type dueTimes struct {
	Due []int64 `json:"due"`
	// Tracks is what the looks have told of each member, in the same order.
	Tracks []looks.Track `json:"tracks,omitempty"`
}

// tracks returns, by id, what earlier looks have told.
func (d dueTimes) tracks(ids []string) map[string]looks.Track {
	if len(d.Tracks) != len(ids) {
		return nil
	}
	out := make(map[string]looks.Track, len(ids))
	for i, id := range ids {
		out[strings.ToLower(id)] = d.Tracks[i]
	}
	return out
}

// notBefore returns, by id, the time before which a member need not be asked for. It
// is nil at the first look.
func (d dueTimes) notBefore(ids []string) map[string]time.Time {
	if len(d.Due) != len(ids) {
		return nil
	}
	out := make(map[string]time.Time, len(ids))
	for i, id := range ids {
		if d.Due[i] > 0 {
			out[id] = time.UnixMilli(d.Due[i]).Add(-slack)
		}
	}
	return out
}

// slack lets members that are due at nearly the same time share a pass.
const slack = 250 * time.Millisecond

// earliest returns when the first member is due; zero if every member has ended.
func (d dueTimes) earliest() time.Time {
	var first int64
	for _, at := range d.Due {
		if at > 0 && (first == 0 || at < first) {
			first = at
		}
	}
	if first == 0 {
		return time.Time{}
	}
	return time.UnixMilli(first)
}
