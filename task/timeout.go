package task

import (
	"fmt"
	"time"
)

// timeout ends a row whose time is up: complete, if one of its results can be
// played or read once the CDN rule has been applied; otherwise failed.
func (d *decider) timeout(m *merged) Decision {
	var probe []string
	results, playable := 0, 0
	for i := range m.clips {
		c := &m.clips[i]
		if !d.Handlers.isNamed(*c) && !d.playable(*c) {
			continue // a placeholder that was never filled
		}
		results++
		if url := d.fillFromCDN(c); url != "" {
			probe = append(probe, url)
		}
		if d.playable(*c) {
			c.Status = c.Status.Join(Complete)
			playable++
		}
	}
	if len(probe) > 0 {
		return Decision{Probe: probe, Status: d.g.Status, Memory: d.g.Memory}
	}
	out := d.ended(m, results, playable)
	out.TimedOut = true
	out.Memory = d.lateMemory(m, out.Status)
	return out
}

// ended completes or fails the row. playable counts those of its results that can
// be played or read.
func (d *decider) ended(m *merged, results, playable int) Decision {
	switch {
	case results == 0:
		return d.fail(m, APIError, d.timeoutText())
	case playable == 0:
		return d.fail(m, APIError, d.timeoutText()+" No result had anything to play or to read.")
	default:
		out := d.move(m, Complete)
		out.Reason = ReasonTimeout
		return out
	}
}

// timeoutText returns the error message of a timeout. If the provider could not
// be asked, the message says since when and why.
func (d *decider) timeoutText() string {
	text := timeoutMessage(d.Timeout)
	if d.answered || d.mem.Reason == "" || d.mem.FailingAt.IsZero() {
		return text
	}
	return fmt.Sprintf("%s The provider could not be asked since %s (%s).", text, d.mem.FailingAt.UTC().Format(time.RFC3339), d.mem.Reason)
}

// playable reports whether c has something to play or to read.
func (d *decider) playable(c Clip) bool {
	if d.h.Text {
		return c.Lyrics != "" && c.Status != Failed
	}
	return (usableURL(c.AudioURL) != "" || usableURL(c.StreamAudioURL) != "") && c.Status != Failed
}

// fillFromCDN applies the CDN rule: a clip with a real id and no final audio
// gets the address at which Suno's CDN serves its audio, unless a probe says
// that the link is dead. It returns an address that must be probed first, if
// there is one.
func (d *decider) fillFromCDN(c *Clip) (unprobed string) {
	url := CDNURL(c.ClipID)
	if !d.h.SupportsTimeoutFallback() || finalURL(c.AudioURL) != "" || c.Status == Failed || url == "" {
		return ""
	}
	found, probed := d.seen.Probes[url]
	switch {
	case d.ProbeCDN && !probed:
		return url
	case !d.ProbeCDN, found != ProbeRefused:
		c.AudioURL = url
	}
	return ""
}

// audioWait is how long a provider may call a task complete without its audio
// before the CDN is probed for it.
const audioWait = time.Minute

// completeFromCDN fills in the audio that a task lacks although its provider calls
// it complete. Unlike fillFromCDN it takes only a URL that was probed and plays,
// because the provider may still send the audio. It returns the URLs that must be
// probed first.
func (d *decider) completeFromCDN(m *merged) (unprobed []string) {
	if !d.ProbeCDN || !d.h.SupportsTimeoutFallback() || d.now.Sub(d.mem.DoneAt) < audioWait {
		return nil
	}
	for _, at := range m.results {
		c := &m.clips[at]
		url := CDNURL(c.ClipID)
		if url == "" || finalURL(c.AudioURL) != "" || c.Status.Terminal() {
			continue
		}
		found, probed := d.seen.Probes[url]
		switch {
		case !probed:
			unprobed = append(unprobed, url)
		case found == ProbePlayable:
			c.AudioURL, c.Status = url, Complete
		}
	}
	return unprobed
}
