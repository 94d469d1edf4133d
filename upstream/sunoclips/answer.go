package sunoclips

import (
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// maxAnswered bounds how many clips of one answer are looked at.
const maxAnswered = 256

// results is how this provider tells clips and lyrics.
var results = upstream.Items{Max: maxAnswered}

// readClips makes sense of the answer to a request for clips, an array of them
// bare or in an object: an observation for each id, nil for a clip that is missing.
func (a *Adapter) readClips(ids []string, ans upstream.Answer) ([]*task.Observation, *task.Failure) {
	list := upstream.Unquote(ans.Body)
	if wrapper := upstream.ParseFields(list); wrapper != nil {
		list = wrapper.Get("clips")
	}
	if ans.Status >= 300 || upstream.Elements(list, 1) == nil {
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

// clip is what is known of one clip.
func (a *Adapter) clip(r upstream.Result) *task.Observation {
	obs := &task.Observation{Raw: a.StatusWord(r.State), Items: a.Items([]upstream.Result{r})}
	it := &obs.Items[0]
	refused := upstream.Refusal(string(r.Err.Message), string(r.Err.Code))
	if it.Status != task.Complete && it.AudioURL == "" && refused != nil { // there is nothing to lose by it
		it.Status, it.Failure = task.Failed, refused
	}
	a.RedactFailures(obs)
	return obs
}

// readLyric makes sense of the answer to a request for a lyric. It has no id in the
// answer, and is the only one of its task.
func (a *Adapter) readLyric(ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	told := results.Parse(ans.Body, task.Lyrics)
	if ans.Status >= 300 || len(told) == 0 || (told[0].State == "" && told[0].Lyrics == "") {
		return obs, callFailure(ans, "lyric")
	}
	items := a.Items(told[:1])
	items[0].ID = ""
	obs = task.Observation{Status: items[0].Status, Raw: a.StatusWord(told[0].State), Failure: items[0].Failure}
	if obs.Status != task.Failed && items[0].Lyrics != "" {
		obs.Items = items
	}
	a.RedactFailures(&obs)
	return obs, nil
}
