package simulator

import (
	"fmt"
	"slices"

	"tasksync/task"
)

// fitted is what fit changes of a life beside its values.
type fitted struct {
	oneURL  bool // the stream is told under the name of the final audio, until that is there
	leftOut bool // a lost task is missing from the answer, not called unknown
	// itemsOnly: only results are told, so that one result is not known to be all
	// where two are usual.
	itemsOnly bool
	lostText  string // the text for a lost task; default taskNotFound
	// sourceExpires: the URL of the source's audio expires, so it is not a final one.
	sourceExpires bool
	made          string // the model of calls that knows the task, where the provider has several
}

// withoutVideo is for a format without videos.
func (l *life) withoutVideo() {
	for i := range l.items {
		l.items[i].VideoURL = ""
	}
}

// withoutEarlyItems is for a format that tells results at the end only.
func (l *life) withoutEarlyItems() {
	for i := range l.phases {
		if !l.phases[i].state.over() {
			l.phases[i].shows = nil
		}
	}
}

// withOneURL is for the clips of Suno's own shape: audio_url is the stream until
// the clip is final, and there are no URLs of a source.
func (l *life) withOneURL() {
	l.oneURL = true
	for i := range l.items {
		item := &l.items[i]
		item.ImageURL = item.SourceImageURL
		item.SourceAudioURL, item.SourceStreamAudioURL, item.SourceImageURL = "", "", ""
	}
}

// withOneLyric is for a format that tells one lyric where others tell two.
func (l *life) withOneLyric() {
	if l.lyrics() {
		l.withOneItem()
	}
}

// withOneItem is for a format in which a task has one result.
func (l *life) withOneItem() {
	l.items = l.items[:1]
	for i := range l.phases {
		shows := &l.phases[i].shows
		*shows = slices.DeleteFunc(slices.Clone(*shows), func(g shownItem) bool { return g.item > 0 })
	}
}

// withoutCodes is for a format whose errors are texts. A failure without a text cannot
// be told as a refusal.
func (l *life) withoutCodes() {
	for i := range l.phases {
		p := &l.phases[i]
		if p.trouble != nil {
			p.trouble = &trouble{text: p.trouble.text}
		}
	}
	if last := l.last(); last.state == refused && last.trouble.said() == "" {
		l.code = task.APIError
	}
}

// withoutDelivery is for a format that does not tell whether its webhook was
// accepted.
func (l *life) withoutDelivery() {
	for i := range l.phases {
		if l.phases[i].state == undelivered {
			l.phases[i].state = done
		}
	}
}

// Providers returns the names that [Config.Provider] may have.
func Providers() []string { return []string{"sunoapi", "kie", "sunoproxy", "acedata", "sunoclips"} }

// Dialects returns the names that [Config.Dialect] may have for a provider,
// beside "".
func Dialects(provider string) []string { return dialects[provider] }

// dialects by provider; a provider that is not here has none.
var dialects = map[string][]string{
	"kie":       {madeTheOld},
	"sunoclips": {"wrapped", "sentinel"},
	"sunoproxy": {"single", "data-only", "integer", "reseller"},
}

func (s *Simulator) mustKnow(provider, dialect string) {
	if s.formats[provider] == nil {
		panic(fmt.Sprintf("simulator: unknown provider %q", provider))
	}
	if dialect != "" && !slices.Contains(Dialects(provider), dialect) {
		panic(fmt.Sprintf("simulator: unknown dialect %q of %s", dialect, provider))
	}
}
