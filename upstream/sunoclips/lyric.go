package sunoclips

import (
	"cmp"

	"tasksync/task"
	"tasksync/upstream"
)

// lyric is a lyric as the provider tells it. It has no id in the answer, and is
// the only one of its task.
type lyric struct {
	Text         upstream.Text `json:"text"`
	Title        upstream.Text `json:"title"`
	Status       upstream.Text `json:"status"`
	Tags         upstream.Text `json:"tags"`
	ErrorType    upstream.Text `json:"error_type"`
	ErrorMessage upstream.Text `json:"error_message"`
}

// readLyric makes sense of the answer to a request for a lyric.
func (a *Adapter) readLyric(ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	l, _ := upstream.Object[lyric](ans.Body)
	if ans.Status >= 300 || (l.Status == "" && l.Text == "") {
		return obs, callFailure(ans, "lyric")
	}
	obs.Raw = a.word(l.Status)
	if l.Status != "" {
		obs.Status = cmp.Or(statuses[l.Status.Word()], task.Processing)
	}
	switch {
	case obs.Status == task.Failed:
		obs.Failure = cmp.Or(refusal(string(l.ErrorType), string(l.ErrorMessage)),
			dead(cmp.Or(string(l.ErrorMessage), string(l.ErrorType), "The provider could not make this lyric.")))
		a.client.RedactFailures(&obs)
	case l.Text != "":
		obs.Items = []task.Item{{Status: obs.Status, Title: string(l.Title), Lyrics: string(l.Text), Tags: string(l.Tags)}}
	}
	return obs, nil
}
