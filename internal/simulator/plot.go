package simulator

import (
	"time"

	"tasksync/task"
)

// plot draws one life.
type plot struct {
	draw
	*life
	media media
}

// media are the bases of the URLs that are handed out.
type media struct{ audio, stream string }

// live draws what happens to a task.
func (l *life) live(d draw, m media) {
	if l.kind == task.Extend {
		l.parent = d.uuid()
	}
	p := &plot{draw: d, life: l, media: m}
	for range l.clips {
		l.items = append(l.items, p.item())
	}
	e, _ := l.fate.entry()
	e.live(p)
}

// clipCount is how many results a task usually has, by the specification.
func clipCount(kind task.Type) int {
	if kind == task.Replace || kind == task.Merge {
		return 1
	}
	return 2
}

func (p *plot) item() Item {
	if p.lyrics() {
		return Item{Title: p.title(), Lyrics: p.verses(), Status: task.Complete}
	}
	id := p.uuid()
	return Item{
		ID: id, Title: p.title(), Lyrics: p.verses(), Tags: p.tags(),
		ModelName: pick(p.draw, "chirp-crow", "chirp-v4"), Duration: p.duration(), Status: task.Complete,
		AudioURL:             p.media.audio + id + ".mp3",
		SourceAudioURL:       p.media.audio + id + ".mp3",
		StreamAudioURL:       p.media.stream + id,
		SourceStreamAudioURL: "https://cdn1.suno.ai/" + id + ".mp3",
		VideoURL:             "https://cdn1.suno.ai/" + id + ".mp4",
		ImageURL:             "https://musicfile.kie.ai/" + id + ".jpeg",
		SourceImageURL:       "https://cdn2.suno.ai/image_" + id + ".jpeg",
	}
}

// then adds a phase that begins at that age.
func (p *plot) then(from time.Duration, s state, shows ...glimpse) {
	p.phases = append(p.phases, phase{from: from, state: s, shows: shows})
}

// fail adds the failed phase at that age.
func (p *plot) fail(from time.Duration, s state, code task.Code, t *trouble) {
	p.code = code
	p.phases = append(p.phases, phase{from: from, state: s, trouble: t})
}

// all shows every item alike.
func (p *plot) all(l look) []glimpse {
	shows := make([]glimpse, len(p.items))
	for i := range shows {
		shows[i] = glimpse{i, l}
	}
	return shows
}

// first shows the first item so, and the others otherwise.
func (p *plot) first(first, others look) []glimpse {
	shows := p.all(others)
	shows[0].look = first
	return shows
}

// succeed is the usual way to success, from that age on. Times are those that
// people measured: text after 10 to 20 s, a stream at 20 to 40 s, the first clip
// at 60 to 100 s, all at 100 to 170 s; lyrics take 5 to 10 s.
func (p *plot) succeed(from time.Duration) {
	if p.lyrics() {
		p.then(from, waiting)
		p.then(from+p.between(5*time.Second, 10*time.Second), done, p.all(lookFinal)...)
		return
	}
	p.then(from, waiting)
	p.then(from+p.between(10*time.Second, 20*time.Second), written, p.all(lookText)...)
	p.then(from+p.between(20*time.Second, 40*time.Second), written, p.all(lookPreview)...)
	p.then(from+p.between(60*time.Second, 100*time.Second), firstDone, p.first(lookFinal, lookPreview)...)
	p.then(from+p.between(100*time.Second, 170*time.Second), done, p.all(lookFinal)...)
}

// ending is the last phase, to be varied.
func (p *plot) ending() *phase { return &p.phases[len(p.phases)-1] }
