package wal

import (
	"bytes"
	"encoding/binary"
)

// cursor reads a message from its start. A read past the end returns zero and makes
// the cursor bad, and every later read returns zero too. So a caller need check bad
// only after its last read.
type cursor struct {
	rest []byte
	bad  bool
}

// take returns the next n bytes, which share the message's memory, or nil.
func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.rest) {
		c.bad = true
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) uint8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text reads up to a zero byte.
func (c *cursor) text() string {
	n := bytes.IndexByte(c.rest, 0)
	b := c.take(n + 1)
	if n < 0 || b == nil {
		c.bad = true
		return ""
	}
	return string(b[:n])
}

// sized reads a length and then as many bytes.
func (c *cursor) sized() []byte { return c.take(int(c.uint32())) }
