package recent_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tasksync/internal/recent"
)

func TestMapKeepsTheLatestValues(t *testing.T) {
	t.Parallel()
	m := recent.Map[int]{Size: 10}
	now := time.Now()
	for i := range 1000 {
		m.Put(strconv.Itoa(i), i, now)
		known := 0
		for k := range i + 1 {
			if v, ok := m.Get(strconv.Itoa(k)); ok {
				require.Equal(t, k, v)
				known++
			} else {
				require.Less(t, k, i-9, "one of the latest ten is forgotten")
			}
		}
		require.LessOrEqual(t, known, 20)
	}
	m.Put("999", 7, now)
	v, _ := m.Get("999")
	require.Equal(t, 7, v)
}

func TestMapForgetsAfterTwoSpans(t *testing.T) {
	t.Parallel()
	m := recent.Map[bool]{Size: 10, Span: time.Minute}
	now := time.Now()
	m.Put("a", true, now)
	m.Put("b", true, now.Add(time.Minute+1))
	_, ok := m.Get("a")
	require.True(t, ok, "one span is not over for long")
	m.Put("c", true, now.Add(2*time.Minute+2))
	_, ok = m.Get("a")
	require.False(t, ok)
	_, ok = m.Get("b")
	require.True(t, ok)
}

func TestMapDeletes(t *testing.T) {
	t.Parallel()
	m := recent.Map[int]{Size: 1}
	m.Delete("nothing")
	m.Put("old", 1, time.Now())
	m.Put("young", 2, time.Now())
	for _, key := range []string{"old", "young"} {
		_, ok := m.Get(key)
		require.True(t, ok)
		m.Delete(key)
		_, ok = m.Get(key)
		require.False(t, ok)
	}
}
