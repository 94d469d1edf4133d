package sunoclips

import (
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// maxAnswered bounds how many clips of one answer are read.
const maxAnswered = 256

// results reads the clips and lyrics of this provider.
var results = upstream.Items{Max: maxAnswered}

// readClips turns an answer to a call for clips, an array of them bare or in an object,
// into an observation for each id: nil for a clip that is missing.
func (a *Adapter) readClips(ids []string, ans upstream.Answer) ([]*task.Observation, *task.Failure) {
	list := ans.Value().Unquote()
	if wrapper := list.Fields(); wrapper.Given() {
		list = wrapper.Get("clips")
	}
	if ans.Status >= 300 || !list.IsArray() {
		return nil, callFailure(ans, "list of clips")
	}
	byID := map[string]upstream.Result{}
	for _, r := range results.Parse(list, "") {
		byID[strings.ToLower(r.ID)] = r
	}
	clips := make([]*task.Observation, len(ids))
	for i, id := range ids {
		if r, ok := byID[strings.ToLower(id)]; ok && id != "" {
			clips[i] = a.clip(r)
		}
	}
	return clips, nil
}

// clip is the observation of one clip.
func (a *Adapter) clip(r upstream.Result) *task.Observation {
	obs := &task.Observation{Raw: a.StatusWord(r.State), Items: a.Items([]upstream.Result{r})}
	it := &obs.Items[0]
	refused := upstream.Refusal(r.Err.Message, r.Err.Code)
	if it.Status != task.Complete && it.AudioURL == "" && refused != nil { // there is no result to lose
		it.Status, it.Failure = task.Failed, refused
	}
	a.RedactFailures(obs)
	return obs
}

// readLyric turns an answer to a call for a lyric into an observation. The lyric has no
// id in the answer, and is the only one of its task.
func (a *Adapter) readLyric(ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	found := results.Parse(ans.Value(), task.Lyrics)
	if ans.Status >= 300 || len(found) == 0 || (found[0].State == "" && found[0].Lyrics == "") {
		return obs, callFailure(ans, "lyric")
	}
	items := a.Items(found[:1])
	items[0].ID = ""
	obs = task.Observation{Status: items[0].Status, Raw: a.StatusWord(found[0].State), Failure: items[0].Failure}
	if obs.Status != task.Failed && items[0].Lyrics != "" {
		obs.Items = items
	}
	a.RedactFailures(&obs)
	return obs, nil
}
