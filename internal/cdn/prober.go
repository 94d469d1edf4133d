// Package cdn asks whether an audio URL plays: a ranged GET of the URL, at public
// addresses only. That a row may end by such an answer is package task's rule.
package cdn

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"tasksync/internal/outbound"
	"tasksync/task"
)

// ProberConfig says how to probe.
type ProberConfig struct {
	Timeout     time.Duration // of one probe, redirects included; default 3 s
	Concurrency int           // probes under way at once; default 16
	// Allow lists addresses that may be asked although they are not public: for
	// tests, and for a simulator on the same machine. Default: none.
	Allow []netip.Prefix
}

func (c ProberConfig) withDefaults() ProberConfig {
	c.Timeout = cmp.Or(c.Timeout, 3*time.Second)
	c.Concurrency = cmp.Or(c.Concurrency, 16)
	return c
}

// Prober asks whether an audio URL plays. URLs come from outside, so the Prober
// connects to public addresses only: the address is checked when the connection is
// made, after the name was resolved, and again on each redirect. It uses no proxy,
// since a proxy would resolve names unchecked. It is safe for concurrent use.
type Prober struct {
	cfg    ProberConfig
	guard  outbound.Guard
	client *http.Client
	flight chan struct{}
	cache  probeCache
}

// NewProber returns a prober.
func NewProber(cfg ProberConfig) *Prober {
	cfg = cfg.withDefaults()
	guard := outbound.Guard{Allow: cfg.Allow}
	return &Prober{
		cfg: cfg, guard: guard, flight: make(chan struct{}, cfg.Concurrency), client: guard.Client(cfg.Timeout),
	}
}

// Probe asks for the first two bytes of a URL.
//
//   - [task.ProbePlayable]: 200 or 206 with an audio type, or with no specific
//     type and bytes that begin like audio.
//   - [task.ProbeDead]: any other answer, or a URL that must not be requested
//     (not http or https, an address that is not public).
//   - [task.ProbeNoAnswer]: no answer in time, 408, 429 or 5xx, no connection, or a
//     name that resolves to no public address here, but may elsewhere.
//
// The first two are cached for cacheFor.
func (p *Prober) Probe(ctx context.Context, rawURL string) task.Probe {
	if found, ok := p.cache.get(rawURL, time.Now()); ok {
		return found
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	select {
	case p.flight <- struct{}{}:
		defer func() { <-p.flight }()
	case <-ctx.Done():
		return task.ProbeNoAnswer
	}
	found := p.ask(ctx, rawURL)
	if found != task.ProbeNoAnswer {
		p.cache.put(rawURL, found, time.Now())
	}
	return found
}

// CloseIdle closes the connections that no probe uses.
func (p *Prober) CloseIdle() { p.client.CloseIdleConnections() }

func (p *Prober) ask(ctx context.Context, rawURL string) task.Probe {
	u, err := url.Parse(rawURL)
	if err != nil || !p.guard.GoodURL(u) {
		return task.ProbeDead
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return task.ProbeDead
	}
	req.Header.Set("Range", "bytes=0-1")
	req.Header.Set("User-Agent", "tasksync")
	resp, err := p.client.Do(req)
	if err != nil {
		if errors.Is(err, outbound.ErrBadTarget) {
			return task.ProbeDead
		}
		return task.ProbeNoAnswer
	}
	defer resp.Body.Close()
	return judgeProbe(resp)
}

func judgeProbe(resp *http.Response) task.Probe {
	switch s := resp.StatusCode; {
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s >= 500:
		return task.ProbeNoAnswer
	case s != http.StatusOK && s != http.StatusPartialContent:
		return task.ProbeDead
	}
	head := make([]byte, 16) // a server without range support sends more than two
	n, err := io.ReadFull(resp.Body, head)
	switch {
	case n > 0 && playable(resp.Header.Get("Content-Type"), head[:n]):
		return task.ProbePlayable
	case n > 0, errors.Is(err, io.EOF): // not audio, or empty
		return task.ProbeDead
	default: // the body broke off
		return task.ProbeNoAnswer
	}
}
