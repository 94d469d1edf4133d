package wal

import (
	"sync"

	"github.com/jackc/pglogrepl"
)

const (
	// maxHandOn bounds how many ids are handed on at once.
	maxHandOn = 5000
	// maxBacklog bounds how many ids are kept in memory. Beyond it the reader stops
	// reading: the server has the rest on its disk anyway.
	maxBacklog = 10 * maxHandOn
)

// backlog holds the rows that were read and are not handed on yet, in the order of
// the WAL, and the position that may be confirmed.
//
// What must stay true: done never passes a row that is not handed on. A piece that
// is handed on while an earlier piece waits passes its end on to that piece. So a
// transaction that becomes visible late delays what is confirmed, never what is
// handed on.
type backlog struct {
	batch int // the most ids in a piece, and the most that take returns
	limit int // with this many ids the backlog is full

	mu     sync.Mutex
	pieces []piece
	ids    int           // in all pieces
	done   pglogrepl.LSN // every row before this position is handed on
	wake   chan struct{} // there may be something to hand on
	room   chan struct{} // there may be room again
}

// piece is the rows of a transaction, or some of them: a large transaction has many
// pieces.
type piece struct {
	xid   uint32
	ids   []string
	end   pglogrepl.LSN // what may be confirmed after this piece and all before it; 0 in the midst of a transaction
	taken bool          // take has returned its ids
}

func newBacklog(batch, limit int) *backlog {
	return &backlog{batch: batch, limit: limit, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// row adds a row of a transaction that has not ended yet.
func (b *backlog) row(xid uint32, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.pieces) - 1
	if last < 0 || b.pieces[last].xid != xid || b.pieces[last].end != 0 || b.pieces[last].taken || len(b.pieces[last].ids) >= b.batch {
		b.pieces = append(b.pieces, piece{xid: xid})
		last++
	}
	b.pieces[last].ids = append(b.pieces[last].ids, id)
	b.ids++
	if len(b.pieces[last].ids) == b.batch {
		signal(b.wake)
	}
}

// reached notes that everything before end was read. end is not in the midst of a
// transaction.
func (b *backlog) reached(end pglogrepl.LSN) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.pieces) - 1
	if last < 0 {
		b.done = max(b.done, end)
		return
	}
	b.pieces[last].end = max(b.pieces[last].end, end)
	signal(b.wake)
}

// confirmed returns the position before which the server need not keep any WAL.
func (b *backlog) confirmed() pglogrepl.LSN {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}

func (b *backlog) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids >= b.limit
}

func (b *backlog) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pieces) == 0
}

// take returns the ids of the next pieces whose transactions are visible. The pieces
// stay in the backlog until the caller calls finish, or putBack if handing on failed.
func (b *backlog) take(visible func(xid uint32) bool) (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.pieces {
		p := &b.pieces[i]
		if !visible(p.xid) {
			continue
		}
		if len(ids)+len(p.ids) > b.batch {
			break
		}
		p.taken = true
		ids = append(ids, p.ids...)
	}
	return ids
}

// putBack undoes take.
func (b *backlog) putBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.pieces {
		b.pieces[i].taken = false
	}
}

// finish removes the pieces that were taken, because they are handed on.
func (b *backlog) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	left := b.pieces[:0]
	for _, p := range b.pieces {
		switch {
		case !p.taken:
			left = append(left, p)
			continue
		case len(left) > 0:
			left[len(left)-1].end = max(left[len(left)-1].end, p.end)
		default:
			b.done = max(b.done, p.end)
		}
		b.ids -= len(p.ids)
	}
	clear(b.pieces[len(left):])
	b.pieces = left
	signal(b.room)
}

// signal wakes the goroutine that waits for c. A signal that is pending already is
// enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
