package api

import (
	"cmp"
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"tasksync/internal/live"
	"tasksync/internal/view"
)

// A GET with wait is for servers that cannot hold a stream: it hears of changes as a
// stream does, by one subscription to the events, and ends with the first of them. So a
// request that waits costs no query of its own, and what changes between two requests is
// not missed: each response has the id of the last event, from which the next goes on.
//
// A request ends
//   - with the rows of the first changes, as they are then;
//   - with reset, when more was missed than can be told, or the id is of no use;
//   - without rows when the time is over, when the token expires and when the daemon
//     stops: that is no error, so that a load balancer counts none;
//   - with 503 if the events cannot be read, and no id is known to go on from.

const (
	// maxWait is the longest wait; a longer one is cut to it. Load balancers end a silent
	// connection after a minute, by default.
	maxWait = time.Minute
	// earlier is the part of a wait by which it may end before its time, by chance, so
	// that requests which began together do not come again together, and that a wait of a
	// minute ends before a load balancer's minute.
	earlier = 10
)

// parseWait reads a duration of Go's, or seconds.
func parseWait(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if seconds, bad := strconv.ParseUint(text, 10, 31); bad == nil {
		d, err = time.Duration(seconds)*time.Second, nil //nolint:gosec // 31 bits
	}
	if err != nil || d < 0 {
		return 0, errWait
	}
	d = min(d, maxWait)
	return d - rand.N(d/earlier+1), nil //nolint:gosec // to spread load
}

// awaitChange serves a GET with wait.
func (a *API) awaitChange(ctx context.Context, in *listInput) (*listOutput, error) {
	wait, err := parseWait(in.Wait)
	if err != nil {
		return nil, err
	}
	user, id, err := a.subject(ctx, in.UserParam)
	if err != nil {
		return nil, err
	}
	now := a.cfg.Now()
	if !now.Before(id.Expires) {
		return nil, errExpired
	}
	wait = min(wait, id.Expires.Sub(now))
	if err := a.readLimiter.await(ctx, user, gateWait); err != nil {
		return nil, err
	}
	since, _ := splitID(cmp.Or(in.LastEventID, in.Since))
	sub, err := a.cfg.Live.Subscribe(user, since)
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	extendDeadlines(ctx, wait+readTimeout+writeTimeout)
	return nextChange(ctx, sub, since, wait)
}

// nextChange returns what the first batch with news says. Before the time is up it also
// wants an id to go on from, for which it waits a little longer.
func nextChange(ctx context.Context, sub *live.Subscription, since string, wait time.Duration) (*listOutput, error) {
	over, patience := time.NewTimer(wait), time.NewTimer(wait+readTimeout)
	defer over.Stop()
	defer patience.Stop()
	out := &listOutput{}
	out.Body.Generations = []view.Generation{}
	var late bool // the time is up
	for {
		select {
		case batch, open := <-sub.Batches():
			if !open {
				if out.Body.LastEventID = cmp.Or(out.Body.LastEventID, since); out.Body.LastEventID == "" {
					return nil, errClosing
				}
				responseHeader(ctx).Set("Connection", "close") // the next request goes to another daemon
				return out, nil
			}
			out.Body.LastEventID = batch.Cursor
			if late || batch.Reset || len(batch.Events) > 0 {
				return out.with(batch), nil
			}
		case <-over.C:
			if late = true; out.Body.LastEventID != "" {
				return out, nil
			}
		case <-patience.C:
			return nil, errEvents
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// with adds the rows of a batch, each as its latest event has it. A row that is gone has
// none.
func (o *listOutput) with(batch live.Batch) *listOutput {
	at := make(map[string]int)
	for _, e := range batch.Events {
		if e.Generation == nil {
			continue
		}
		i, known := at[e.GenerationID]
		if !known {
			i = len(o.Body.Generations)
			at[e.GenerationID] = i
			o.Body.Generations = append(o.Body.Generations, *e.Generation)
		}
		o.Body.Generations[i] = *e.Generation
	}
	o.Body.Count, o.Body.Reset = len(o.Body.Generations), batch.Reset
	return o
}
