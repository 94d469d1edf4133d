package sunoclips

import (
	"cmp"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// lyric is a lyric as the provider tells it. It has no id in the answer, and is
// the only one of its task.
type lyric struct {
	Text         text `json:"text"`
	Title        text `json:"title"`
	Status       text `json:"status"`
	Tags         text `json:"tags"`
	ErrorType    text `json:"error_type"`
	ErrorMessage text `json:"error_message"`
}

// readLyric makes sense of the answer to a request for a lyric.
func (a *Adapter) readLyric(ans upstream.Answer) (obs task.Observation, f *task.Failure) {
	var l lyric
	decode(ans.Body, &l)
	if ans.Status >= 300 || (l.Status == "" && l.Text == "") {
		return obs, callFailure(ans, "lyric")
	}
	obs.Raw = a.word(string(l.Status))
	if l.Status != "" {
		obs.Status = cmp.Or(statuses[strings.ToLower(string(l.Status))], task.Processing)
	}
	switch {
	case obs.Status == task.Failed:
		obs.Failure = cmp.Or(refusal(string(l.ErrorType), string(l.ErrorMessage)),
			dead(cmp.Or(string(l.ErrorMessage), string(l.ErrorType), "The provider could not make this lyric.")))
		obs.Failure.Message = a.client.Redact(obs.Failure.Message)
	case l.Text != "":
		obs.Items = []task.Item{{Status: obs.Status, Title: string(l.Title), Lyrics: string(l.Text), Tags: string(l.Tags)}}
	}
	return obs, nil
}
