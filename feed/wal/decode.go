package wal

import (
	"fmt"
	"strings"

	"github.com/jackc/pglogrepl"

	"tasksync/task"
)

// event is what a message of pgoutput means to the reader.
type event struct {
	kind eventKind
	xid  uint32        // of a begin
	end  pglogrepl.LSN // of a commit: the position after it
	id   string        // of a row
}

type eventKind int

const (
	nothing eventKind = iota // a message that does not concern the reader
	begin
	row // a pending V2 row, between begin and commit
	commit
)

// decoder reads messages of pgoutput, protocol 1: transactions come whole, in
// the order of their commits. It is no general decoder: it reads three columns of
// one table, and no bytes make it panic or take more memory than their length.
type decoder struct {
	relations map[uint32]columns
}

// columns holds the positions of the three columns in a table; -1: the table has no
// such column.
type columns struct{ id, taskType, status int }

func newDecoder() *decoder { return &decoder{relations: map[uint32]columns{}} }

func (d *decoder) decode(message []byte) (event, error) {
	c := &cursor{rest: message}
	messageType := c.uint8()
	var e event
	switch messageType {
	case 'B':
		e = decodeBegin(c)
	case 'C':
		e = decodeCommit(c)
	case 'R':
		d.relation(c)
	case 'I':
		e = d.insert(c)
	case 'M':
		e = decodeMessage(c)
	}
	if c.bad {
		return event{}, fmt.Errorf("decode a message of type %q: it ends too early", messageType)
	}
	return e, nil
}

func decodeBegin(c *cursor) event {
	c.uint64() // position of the commit
	c.uint64() // time of the commit
	return event{kind: begin, xid: c.uint32()}
}

func decodeCommit(c *cursor) event {
	c.uint8()  // flags
	c.uint64() // position of the commit
	end := pglogrepl.LSN(c.uint64())
	c.uint64() // time of the commit
	return event{kind: commit, end: end}
}

// relation notes the positions of the columns. The server describes a table before
// its first row, and again whenever the table has changed.
func (d *decoder) relation(c *cursor) {
	oid := c.uint32()
	schema, table := c.text(), c.text()
	c.uint8() // replica identity
	at := columns{-1, -1, -1}
	for i := range int(c.uint16()) {
		c.uint8() // flags
		switch name := c.text(); name {
		case "id":
			at.id = i
		case "task_type":
			at.taskType = i
		case "status":
			at.status = i
		}
		c.uint32() // type
		c.uint32() // type modifier
		if c.bad {
			return
		}
	}
	delete(d.relations, oid)
	if schema == "public" && table == "music_generations" {
		d.relations[oid] = at
	}
}

func (d *decoder) insert(c *cursor) event {
	at, ours := d.relations[c.uint32()]
	if !ours || c.uint8() != 'N' {
		return event{}
	}
	var id, status string
	v2 := false
	for i := range int(c.uint16()) {
		value, null := column(c)
		if c.bad {
			return event{}
		}
		switch i {
		case at.id:
			id = string(value)
		case at.taskType:
			v2 = !null
		case at.status:
			status = strings.TrimRight(string(value), " ") // of a char(n)
		}
	}
	if !v2 || !task.ParseStatus(status).Pending() || !task.IsUUID(id) {
		return event{}
	}
	return event{kind: row, id: id}
}

// column reads a column of a row. A column that is not in text format has a nil value.
func column(c *cursor) (value []byte, null bool) {
	switch c.uint8() {
	case 't':
		return c.sized(), false
	case 'b':
		c.sized()
		return nil, false
	default: // NULL, or a value that was not sent
		return nil, true
	}
}

// prefix marks the logical messages that name a row. An update is not published,
// but a trigger on update can write such a message.
const prefix = "tasksync"

func decodeMessage(c *cursor) event {
	transactional := c.uint8() == 1
	c.uint64() // position
	ours := c.text() == prefix
	id := c.sized()
	if !transactional || !ours || !task.IsUUID(string(id)) {
		return event{}
	}
	return event{kind: row, id: string(id)}
}
