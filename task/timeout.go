package task

// timeout applies the deadline: what has results is completed with what it
// has, by the CDN rule where its type supports that; what has none is failed.
func (p *pass) timeout(m *merged) Decision {
	var probe []string
	results, playable := 0, 0
	for i := range m.clips {
		c := &m.clips[i]
		if !isNamed(*c) && !p.worth(*c) {
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
		return Decision{Probe: probe, Status: p.g.Status}
	}
	d := p.ended(m, results, playable)
	d.TimedOut = true
	return d
}

func (p *pass) ended(m *merged, results, playable int) Decision {
	switch {
	case results == 0:
		return p.fail(m, APIError, timeoutMessage(p.Timeout))
	case playable == 0:
		return p.fail(m, APIError, timeoutMessage(p.Timeout)+" No result had anything to play or to read.")
	default:
		d := p.move(m, Complete)
		d.Reason = ReasonTimeout
		return d
	}
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
