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

// media are the bases of the URLs in answers.
type media struct{ audio, stream, image, video string } // image "": at the hosts of the providers

// live draws what happens to a task.
func (l *life) live(d draw, m media) {
	if l.taskType == task.Extend {
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
func clipCount(taskType task.Type) int {
	if taskType == task.Replace || taskType == task.Merge {
		return 1
	}
	return 2
}

func (p *plot) item() Item {
	if p.lyrics() {
		return Item{Title: p.title(), Lyrics: p.verses(), Status: task.Complete}
	}
	id := p.uuid()
	cover, source := "https://musicfile.kie.ai/"+id+".jpeg", "https://cdn2.suno.ai/image_"+id+".jpeg"
	if p.media.image != "" {
		cover = p.media.image + id
		source = cover
	}
	video := "https://cdn1.suno.ai/"
	if p.media.video != "" {
		video = p.media.video
	}
	return Item{
		ID: id, Title: p.title(), Lyrics: p.verses(), Tags: p.tags(),
		ModelName: pick(p.draw, "chirp-crow", "chirp-v4"), Duration: p.duration(), Status: task.Complete,
		AudioURL:             p.media.audio + id + ".mp3",
		SourceAudioURL:       p.media.audio + id + ".mp3",
		StreamAudioURL:       p.media.stream + id,
		SourceStreamAudioURL: "https://cdn1.suno.ai/" + id + ".mp3",
		VideoURL:             video + id + ".mp4",
		ImageURL:             cover,
		SourceImageURL:       source,
	}
}

// then adds a phase that begins at that age.
func (p *plot) then(from time.Duration, s state, shows ...shownItem) {
	p.phases = append(p.phases, phase{from: from, state: s, shows: shows})
}

// fail adds the last phase of a failure, which begins at that age.
func (p *plot) fail(from time.Duration, s state, code task.Code, t *trouble) {
	p.code = code
	p.phases = append(p.phases, phase{from: from, state: s, trouble: t})
}

// all shows every item to the same depth.
func (p *plot) all(d depth) []shownItem {
	shows := make([]shownItem, len(p.items))
	for i := range shows {
		shows[i] = shownItem{i, d}
	}
	return shows
}

// first shows the first item to another depth than the others.
func (p *plot) first(first, others depth) []shownItem {
	shows := p.all(others)
	shows[0].depth = first
	return shows
}

// succeed is the usual way to success, from that age on. Times are as measured at
// providers: text after 10 to 20 s, a stream at 20 to 40 s, the first clip
// at 60 to 100 s, all at 100 to 170 s; lyrics take 5 to 10 s.
func (p *plot) succeed(from time.Duration) {
	if p.lyrics() {
		p.then(from, waiting)
		p.then(from+p.between(5*time.Second, 10*time.Second), done, p.all(depthFinal)...)
		return
	}
	p.then(from, waiting)
	p.then(from+p.between(10*time.Second, 20*time.Second), written, p.all(depthText)...)
	p.then(from+p.between(20*time.Second, 40*time.Second), written, p.all(depthPreview)...)
	p.then(from+p.between(60*time.Second, 100*time.Second), firstDone, p.first(depthFinal, depthPreview)...)
	p.then(from+p.between(100*time.Second, 170*time.Second), done, p.all(depthFinal)...)
}

// ending returns the last phase, to be varied.
func (p *plot) ending() *phase { return &p.phases[len(p.phases)-1] }
