package simulator

import (
	"slices"
	"time"

	"tasksync/task"
)

// sentinel is what Suno gives for a URL that it does not want to give.
const sentinel = "https://studio-api.prod.suno.com/api/forbidden"

func liveSuccess(p *plot) { p.succeed(0) }

func liveReady(p *plot) { p.then(0, done, p.all(depthFinal)...) }

func liveOneClip(p *plot) {
	p.items = p.items[:1]
	p.succeed(0)
}

func liveLateItems(p *plot) {
	p.succeed(0)
	said := p.ending().from
	p.ending().shows = nil
	p.then(said+p.between(10*time.Second, 40*time.Second), done, p.all(depthFinal)...)
}

func liveRegressing(p *plot) {
	p.succeed(0)
	if p.lyrics() {
		return
	}
	middle := func(a, b phase) time.Duration { return (a.from + b.from) / 2 }
	preview, first, final := p.phases[2], p.phases[3], p.phases[4]
	p.phases = p.phases[:3]
	p.then(middle(preview, first), written, p.all(depthFaded)...)
	p.phases = append(p.phases, first)
	p.then(middle(first, final), firstDone, p.first(depthFaded, depthPreview)...)
	p.phases = append(p.phases, final)
}

func liveReordered(p *plot) {
	p.succeed(0)
	if p.lyrics() {
		return
	}
	slices.Reverse(p.phases[2].shows)
	slices.Reverse(p.phases[4].shows)
}

func livePartial(p *plot) {
	p.succeed(0)
	for i := range p.phases {
		if p.phases[i].state == written {
			p.phases[i].shows = p.phases[i].shows[:1]
		}
	}
}

func liveNullTitles(p *plot) {
	for i := range p.items {
		p.items[i].Title, p.items[i].NullTitle = "", true
	}
	p.succeed(0)
}

func liveUUIDTitles(p *plot) {
	if p.lyrics() {
		liveNullTitles(p)
		return
	}
	p.items[0].lateTitle = true
	for i := range p.items[1:] {
		p.items[i+1].Title = p.items[i+1].ID
	}
	p.succeed(0)
}

func liveSourceAudio(p *plot) {
	if !p.lyrics() {
		p.items[0].AudioURL = sentinel
		for i := range p.items[1:] {
			item := &p.items[i+1]
			item.AudioURL, item.StreamAudioURL, item.ImageURL = "", "", ""
		}
	}
	p.succeed(0)
}

func liveFailedItem(p *plot) {
	if !p.lyrics() {
		liveOneClip(p)
		return
	}
	p.items[1] = Item{Status: task.Failed, ErrorText: "Unable to generate lyrics from song description"}
	p.succeed(0)
}

func liveCallbackException(p *plot) {
	p.succeed(0)
	p.ending().state = undelivered
}

func liveUnknownStatus(p *plot) {
	p.then(0, waiting)
	p.then(p.between(1*time.Second, 3*time.Second), strange)
	p.succeed(p.between(4*time.Second, 15*time.Second))
}
