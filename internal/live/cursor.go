package live

import (
	"slices"
	"strconv"
	"strings"
)

// maxCursor bounds the cursors that clients bring, in bytes.
const maxCursor = 8 << 10

// cursor is a Postgres snapshot: transactions before xmin had ended, transactions
// from xmax on had not begun, and of those between, the transactions in xip were in
// progress. xip is in ascending order.
type cursor struct {
	text       string // as Postgres has it: xmin:xmax:xip,xip
	xmin, xmax uint64
	xip        []uint64
}

// parseCursor accepts only texts that Postgres could have written, and so the cursor
// of every batch. Postgres must accept each of them as a pg_snapshot.
func parseCursor(text string) (cursor, bool) {
	c := cursor{text: text}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return cursor{}, false
	}
	var ok [2]bool
	c.xmin, ok[0] = parseXID(parts[0])
	c.xmax, ok[1] = parseXID(parts[1])
	if !ok[0] || !ok[1] || c.xmin > c.xmax {
		return cursor{}, false
	}
	if parts[2] == "" {
		return c, true
	}
	last := c.xmin - 1
	for field := range strings.SplitSeq(parts[2], ",") {
		xid, ok := parseXID(field)
		if !ok || xid <= last || xid >= c.xmax {
			return cursor{}, false
		}
		c.xip = append(c.xip, xid)
		last = xid
	}
	return c, true
}

// parseXID accepts a positive number in its shortest form. The low 32 bits of a
// transaction id are never 0 (InvalidTransactionId), in any epoch.
func parseXID(text string) (uint64, bool) {
	if text == "" || text[0] < '1' || text[0] > '9' {
		return 0, false
	}
	xid, err := strconv.ParseUint(text, 10, 64)
	return xid, err == nil && uint32(xid) != 0 //nolint:gosec // the low bits are meant
}

// sees reports whether transaction xid had ended when the snapshot was taken.
func (c cursor) sees(xid uint64) bool {
	if xid < c.xmin || xid >= c.xmax {
		return xid < c.xmin
	}
	_, inProgress := slices.BinarySearch(c.xip, xid)
	return !inProgress
}

// after reports whether c is later than now, the database's present: then c comes
// from another database, or from a future that was undone by a restore.
func (c cursor) after(now cursor) bool { return c.xmax > now.xmax }
