package api

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"

	"tasksync/queries"
	"tasksync/task"
)

// errCursor is returned for a cursor that no response has had.
var errCursor = errors.New("after is not the next of a response: leave it out to begin anew")

// place is a row's place in the order of pages: the newest first, rows without a time of
// creation last.
type place struct {
	undated bool
	at      int64 // microseconds since 1970; see GenerationListByUser
	id      string
}

// The times that a finite place may have: Postgres's range, with a margin.
const (
	earliest = -210_866_000_000_000_000
	latest   = 9_223_000_000_000_000_000
)

// first is before every row.
func first() place { return place{at: math.MaxInt64, id: "ffffffff-ffff-ffff-ffff-ffffffffffff"} }

func placeOf(r queries.GenerationListByUserRow) place { return place{r.Undated, r.At, r.ID} }

// cursor returns the place as clients carry it. They must not look into it.
func (p place) cursor() string {
	at := "-"
	if !p.undated {
		at = strconv.FormatInt(p.at, 36)
	}
	return base64.RawURLEncoding.EncodeToString([]byte("1 " + at + " " + p.id))
}

// parsePlace is the inverse of cursor. A cursor is a client's data: what Postgres would
// refuse is no cursor, and each place has one spelling.
func parsePlace(cursor string) (place, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	version, rest, _ := strings.Cut(string(raw), " ")
	at, id, _ := strings.Cut(rest, " ")
	if err != nil || version != "1" || !task.IsUUID(id) {
		return place{}, errCursor
	}
	p := place{undated: at == "-", id: id}
	if !p.undated {
		if p.at, err = strconv.ParseInt(at, 36, 64); err != nil {
			return place{}, errCursor
		}
	}
	infinite := p.at == math.MaxInt64 || p.at == math.MinInt64
	if p.cursor() != cursor || !infinite && (p.at < earliest || p.at > latest) {
		return place{}, errCursor
	}
	return p, nil
}
