package task

import (
	"fmt"
	"time"
)

// timeout ends a row whose time is up: what has results is completed with what it
// has, by the CDN rule where its type supports that; what has none is failed.
func (p *pass) timeout(m *merged) Decision {
	var probe []string
	results, playable := 0, 0
	for i := range m.clips {
		c := &m.clips[i]
		if !p.Handlers.isNamed(*c) && !p.worth(*c) {
			continue
		}
		results++
		if url := p.fill(c); url != "" {
			probe = append(probe, url)
		}
		if p.worth(*c) {
			c.Status = c.Status.Join(Complete)
			playable++
		}
	}
	if len(probe) > 0 {
		return Decision{Probe: probe, Status: p.g.Status, Memory: p.g.Memory}
	}
	d := p.ended(m, results, playable)
	d.TimedOut = true
	d.Memory = p.lateMemory(m, d.Status)
	return d
}

func (p *pass) ended(m *merged, results, playable int) Decision {
	switch {
	case results == 0:
		return p.fail(m, APIError, p.timeoutText())
	case playable == 0:
		return p.fail(m, APIError, p.timeoutText()+" No result had anything to play or to read.")
	default:
		d := p.move(m, Complete)
		d.Reason = ReasonTimeout
		return d
	}
}

// timeoutText says that the time is up, and, if nobody could be asked, since when
// and why.
func (p *pass) timeoutText() string {
	text := timeoutMessage(p.Timeout)
	if p.answered || p.mem.Reason == "" || p.mem.FailingAt.IsZero() {
		return text
	}
	return fmt.Sprintf("%s The provider could not be asked since %s (%s).", text, p.mem.FailingAt.UTC().Format(time.RFC3339), p.mem.Reason)
}

// worth reports whether c gives its user something.
func (p *pass) worth(c Clip) bool {
	if p.h.Text {
		return c.Lyrics != "" && c.Status != Failed
	}
	return (usableURL(c.AudioURL) != "" || usableURL(c.StreamAudioURL) != "") && c.Status != Failed
}

// fill applies the CDN rule to a clip without final audio. It returns a URL
// that must be probed first.
func (p *pass) fill(c *Clip) (unprobed string) {
	url := CDNURL(c.ClipID)
	if !p.h.SupportsTimeoutFallback() || finalURL(c.AudioURL) != "" || c.Status == Failed || url == "" {
		return ""
	}
	found, probed := p.seen.Probes[url]
	switch {
	case p.ProbeCDN && !probed:
		return url
	case !p.ProbeCDN, found != ProbeRefused:
		c.AudioURL = url
	}
	return ""
}

// doneGrace is how long a provider may call a task complete without its audio
// before that is looked for at the CDN.
const doneGrace = time.Minute

// complete fills the audio that a provider left out of a task it calls complete,
// with URLs that were found to be playable. It returns those to be probed first.
func (p *pass) complete(m *merged) (unprobed []string) {
	if !p.ProbeCDN || !p.h.SupportsTimeoutFallback() || p.now.Sub(p.mem.DoneAt) < doneGrace {
		return nil
	}
	for _, at := range m.results {
		c := &m.clips[at]
		url := CDNURL(c.ClipID)
		if url == "" || finalURL(c.AudioURL) != "" || c.Status.Terminal() {
			continue
		}
		found, probed := p.seen.Probes[url]
		switch {
		case !probed:
			unprobed = append(unprobed, url)
		case found == ProbePlayable:
			c.AudioURL, c.Status = url, Complete
		}
	}
	return unprobed
}
