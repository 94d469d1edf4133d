package api

import (
	"context"
	"sync"
	"time"

	"tasksync/internal/database"
)

// opening is one opening of a ticket that reconnects. The zero value is that of another
// stream.
type opening struct {
	ticket  []byte // its hash
	key     string // opens the stream again
	count   int32  // how often the ticket was opened, with this time
	patient bool   // an EventSource has opened it
}

// openedTickets holds the streams of this daemon that were opened with tickets that
// reconnect, by the tickets' hashes.
type openedTickets struct {
	mu      sync.Mutex
	streams map[string]*openedStream
}

type openedStream struct {
	count int32
	end   context.CancelFunc
}

func newOpenedTickets() *openedTickets { return &openedTickets{streams: map[string]*openedStream{}} }

// enter adds the stream of an opening, and ends the one of an earlier opening. The context
// that it returns ends with the stream's right to go on. The caller must call leave.
func (t *openedTickets) enter(ctx context.Context, o opening) (_ context.Context, leave func()) {
	ctx, cancel := context.WithCancel(ctx)
	if o.count == 0 {
		return ctx, cancel
	}
	s, ticket := &openedStream{o.count, cancel}, string(o.ticket)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch other := t.streams[ticket]; {
	case other != nil && other.count > o.count:
		cancel()
		return ctx, cancel
	case other != nil:
		other.end()
	}
	t.streams[ticket] = s
	return ctx, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.streams[ticket] == s {
			delete(t.streams, ticket)
		}
	}
}

// end ends the streams of tickets.
func (t *openedTickets) end(hashes [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, hash := range hashes {
		if s := t.streams[string(hash)]; s != nil {
			s.end()
		}
	}
}

// open returns the tickets with streams, and how often each was opened for its stream.
func (t *openedTickets) open() (hashes [][]byte, counts map[string]int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts = make(map[string]int32, len(t.streams))
	for hash, s := range t.streams {
		hashes, counts[hash] = append(hashes, []byte(hash)), s.count
	}
	return hashes, counts
}

// checkTickets ends streams whose tickets were revoked, have expired, or were opened again
// at another daemon, by one query for all streams. While the database does not answer, all
// go on.
func (a *API) checkTickets(ctx context.Context) error {
	hashes, counts := a.opened.open()
	if len(hashes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	rows, err := a.queries.TicketListOpenings(ctx, a.cfg.Pool, hashes)
	if err != nil {
		return err
	}
	good := make(map[string]bool, len(rows))
	for _, row := range rows {
		good[string(row.Hash)] = row.Opening <= counts[string(row.Hash)]
	}
	a.opened.endIf(func(hash string, count int32) bool { return count == counts[hash] && !good[hash] })
	return nil
}

// endIf ends the streams that over is true for.
func (t *openedTickets) endIf(over func(hash string, count int32) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, s := range t.streams {
		if over(hash, s.count) {
			s.end()
		}
	}
}

// watchTickets checks the tickets of open streams until ctx ends.
func (a *API) watchTickets(ctx context.Context) {
	tick := time.NewTicker(a.cfg.TicketCheck)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := a.checkTickets(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			a.cfg.Logger.Warn("[TaskSync] Tickets of open streams cannot be checked; revoked ones go on meanwhile", "error", database.WithoutDetail(err))
		}
		failing = err != nil
	}
}
