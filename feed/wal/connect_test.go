package wal

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// replayed is a connection from which each Read returns one of reads.
type replayed struct {
	net.Conn
	reads [][]byte
}

func (c *replayed) Read(p []byte) (int, error) {
	n := copy(p, c.reads[0])
	c.reads = c.reads[1:]
	return n, nil
}

// A reader pauses at most once for one read from the network: a reader that pauses
// for each message that TLS holds would be slower than its writers.
func TestIdleOnceForARead(t *testing.T) {
	t.Parallel()
	c := newBufferedConn(&replayed{reads: [][]byte{[]byte("abcd"), bytes.Repeat([]byte{'x'}, inputSize), []byte("ef")}})
	take := func(n int) {
		t.Helper()
		_, err := io.ReadFull(c, make([]byte, n))
		require.NoError(t, err)
	}
	require.False(t, c.idle(), "nothing has come yet")
	take(2)
	require.False(t, c.idle(), "the rest is left to take")
	take(2)
	require.True(t, c.idle())
	require.False(t, c.idle(), "once")
	take(inputSize)
	require.False(t, c.idle(), "there is more where a full buffer came from")
	take(2)
	require.True(t, c.idle())
}
