package wal

import (
	"fmt"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"tasksync/queries"
)

// TestBacklogConfirmsNothingTooEarly plays a server, which sends transactions in
// the order of their commits and makes them visible in any order, against a
// backlog whose hand-ons fail now and then.
func TestBacklogConfirmsNothingTooEarly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &backlogModel{b: newBacklog(3, 100), ends: map[string]pglogrepl.LSN{}, handed: map[string]bool{}, visible: map[uint32]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"":          m.check,
			"row":       m.row,
			"commit":    m.commit,
			"keepalive": m.keepalive,
			"see":       m.see,
			"hand on":   func(t *rapid.T) { m.handOn(rapid.Bool().Draw(t, "fails")) },
		})
		m.commit(t)
		for xid := range m.xid + 1 {
			m.visible[xid] = true
		}
		m.handOn(false)
		for id := range m.ends {
			require.True(t, m.handed[id], id)
		}
		require.Equal(t, m.at, m.b.confirmed())
		require.True(t, m.b.empty())
		require.Zero(t, m.b.ids)
	})
}

type backlogModel struct {
	b       *backlog
	xid     uint32
	at      pglogrepl.LSN // everything before it was sent
	open    []string      // rows of the transaction that is being sent
	ends    map[string]pglogrepl.LSN
	handed  map[string]bool
	visible map[uint32]bool
}

func (m *backlogModel) row(t *rapid.T) {
	for range rapid.IntRange(1, 7).Draw(t, "rows") {
		id := fmt.Sprint(m.xid, "/", len(m.open))
		m.open = append(m.open, id)
		m.ends[id] = ^pglogrepl.LSN(0) // not sent yet
		m.b.row(m.xid, id)
	}
}

func (m *backlogModel) commit(*rapid.T) {
	m.at += 10
	for _, id := range m.open {
		m.ends[id] = m.at
	}
	m.open = nil
	m.xid++
	m.b.reached(m.at)
}

func (m *backlogModel) keepalive(t *rapid.T) {
	if len(m.open) > 0 {
		t.Skip("in the midst of a transaction")
	}
	m.at += 5
	m.b.reached(m.at)
}

func (m *backlogModel) see(t *rapid.T) {
	m.visible[rapid.Uint32Range(0, m.xid).Draw(t, "xid")] = true
}

func (m *backlogModel) handOn(fails bool) {
	for {
		ids := m.b.take(func(xid uint32) bool { return m.visible[xid] })
		if len(ids) == 0 {
			return
		}
		if fails {
			m.b.putBack()
			return
		}
		for _, id := range ids {
			m.handed[id] = true
		}
		m.b.finish()
	}
}

func (m *backlogModel) check(t *rapid.T) {
	for id, end := range m.ends {
		if !m.handed[id] {
			require.Less(t, m.b.confirmed(), end, id)
		}
	}
}

func TestSees(t *testing.T) {
	t.Parallel()
	const epoch = 3 << 32
	for _, test := range []struct {
		next    int64
		running []int64
		xid     uint32
		want    bool
	}{
		{100, nil, 99, true},
		{100, nil, 100, false},
		{100, []int64{99}, 99, false},
		{100, []int64{99}, 98, true},
		{epoch + 100, []int64{epoch + 99}, 99, false},
		{epoch + 100, []int64{epoch - 1}, 0xffffffff, false}, // before the wraparound
		{epoch + 100, nil, 0xffffffff, true},
		{epoch, nil, 5, false}, // the wraparound is now
		{epoch - 5, nil, 3, false},
		{epoch - 5, nil, 0xfffffff0, true},
	} {
		require.Equal(t, test.want, sees(queries.SnapshotGetRow{NextXid: test.next, Running: test.running}, test.xid), "%+v", test)
	}
}
