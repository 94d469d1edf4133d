package wal

import (
	"encoding/binary"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/stretchr/testify/require"
)

const someID = "0b1e2f3a-4c5d-4e6f-8a9b-0c1d2e3f4a5b"

// message writes a message as a server does: numbers by their size, text with a zero
// byte at its end, and bytes after their length.
func message(kind byte, parts ...any) []byte {
	m := []byte{kind}
	for _, part := range parts {
		switch p := part.(type) {
		case byte:
			m = append(m, p)
		case uint16:
			m = binary.BigEndian.AppendUint16(m, p)
		case uint32:
			m = binary.BigEndian.AppendUint32(m, p)
		case uint64:
			m = binary.BigEndian.AppendUint64(m, p)
		case string:
			m = append(append(m, p...), 0)
		case []byte:
			m = append(binary.BigEndian.AppendUint32(m, uint32(len(p))), p...)
		}
	}
	return m
}

func relationMessage(oid uint32, schema, table string, names ...string) []byte {
	parts := []any{oid, schema, table, byte('d'), uint16(len(names))}
	for _, name := range names {
		parts = append(parts, byte(0), name, uint32(25), uint32(0xffffffff))
	}
	return message('R', parts...)
}

// insertMessage writes NULL for nil, and for a byte a value of that kind without data.
func insertMessage(oid uint32, values ...any) []byte {
	parts := []any{oid, byte('N'), uint16(len(values))}
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			parts = append(parts, byte('n'))
		case byte:
			parts = append(parts, v)
		case string:
			parts = append(parts, byte('t'), []byte(v))
		}
	}
	return message('I', parts...)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		message []byte
		want    event
	}{
		"begin":                    {message('B', uint64(7), uint64(8), uint32(9)), event{kind: begin, xid: 9}},
		"commit":                   {message('C', byte(0), uint64(7), uint64(8), uint64(9)), event{kind: commit, end: 8}},
		"pending V2 row":           {insertMessage(1, "x", "submitted", someID, nil, "generate"), event{kind: row, id: someID}},
		"V1 row":                   {insertMessage(1, "x", "submitted", someID, nil, nil), event{}},
		"terminal row":             {insertMessage(1, "x", "complete", someID, nil, "generate"), event{}},
		"row without a status":     {insertMessage(1, "x", nil, someID, nil, "generate"), event{}},
		"row without an id":        {insertMessage(1, "x", "submitted", "1", nil, "generate"), event{}},
		"row with parts not sent":  {insertMessage(1, byte('u'), "queued", someID, byte('u'), "generate"), event{kind: row, id: someID}},
		"row of fewer columns":     {insertMessage(1, "x", "submitted"), event{}},
		"row of another table":     {insertMessage(2, "x", "submitted", someID, nil, "generate"), event{}},
		"row of a table not known": {insertMessage(3, "x", "submitted", someID, nil, "generate"), event{}},
		"row of the table of that name elsewhere": {insertMessage(4, "x", "submitted", someID, nil, "generate"), event{}},
		"our message":              {message('M', byte(1), uint64(7), "tasksync", []byte(someID)), event{kind: row, id: someID}},
		"our message at once":      {message('M', byte(0), uint64(7), "tasksync", []byte(someID)), event{}},
		"a message of others":      {message('M', byte(1), uint64(7), "theirs", []byte(someID)), event{}},
		"truncate":                 {message('T', uint32(1), byte(0), uint32(1)), event{}},
		"a kind of later versions": {message('?', "text"), event{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDecoder()
			for _, m := range [][]byte{
				relationMessage(1, "public", "music_generations", "extra", "status", "id", "task_id", "task_type"),
				relationMessage(2, "public", "music_clips", "extra", "status", "id", "task_id", "task_type"),
				relationMessage(4, "other", "music_generations", "extra", "status", "id", "task_id", "task_type"),
			} {
				e, err := d.decode(m)
				require.NoError(t, err)
				require.Equal(t, event{}, e)
			}
			e, err := d.decode(test.message)
			require.NoError(t, err)
			require.Equal(t, test.want, e)
		})
	}
}

func TestDecodeFollowsTheTable(t *testing.T) {
	t.Parallel()
	d := newDecoder()
	for _, names := range [][]string{{"id", "task_type", "status"}, {"status", "id", "task_type"}} {
		_, err := d.decode(relationMessage(1, "public", "music_generations", names...))
		require.NoError(t, err)
		values := map[string]any{"id": someID, "task_type": "lyrics", "status": "queued"}
		e, err := d.decode(insertMessage(1, values[names[0]], values[names[1]], values[names[2]]))
		require.NoError(t, err)
		require.Equal(t, event{kind: row, id: someID}, e)
	}
	_, err := d.decode(relationMessage(1, "public", "renamed", "id", "task_type", "status"))
	require.NoError(t, err)
	e, err := d.decode(insertMessage(1, someID, "lyrics", "queued"))
	require.NoError(t, err)
	require.Equal(t, event{}, e)
}

// A message that ends too early is an error, wherever it ends.
func TestDecodeWantsTheWholeMessage(t *testing.T) {
	t.Parallel()
	relation := relationMessage(1, "public", "music_generations", "id", "task_type", "status")
	for _, m := range [][]byte{
		message('B', uint64(7), uint64(8), uint32(9)),
		message('C', byte(0), uint64(7), uint64(8), uint64(9)),
		message('M', byte(1), uint64(7), "tasksync", []byte(someID)),
		relation,
		insertMessage(1, someID, "lyrics", "queued"),
	} {
		for n := range m {
			d := newDecoder()
			_, err := d.decode(relation)
			require.NoError(t, err)
			_, err = d.decode(m[:n])
			require.Error(t, err, "%q", m[:n])
		}
	}
}

// FuzzDecode decodes two messages: the second finds the state that the first has
// left. It checks the events against the decoder of pglogrepl, which panics on bytes
// that end too early.
func FuzzDecode(f *testing.F) {
	relation := relationMessage(1, "public", "music_generations", "id", "task_type", "status")
	f.Add(relation, insertMessage(1, someID, "lyrics", "queued"))
	f.Add(relation, message('B', uint64(7), uint64(8), uint32(9)))
	f.Add(message('C', byte(0), uint64(7), uint64(8), uint64(9)), message('M', byte(1), uint64(7), "tasksync", []byte(someID)))
	f.Add([]byte{}, []byte{'R'})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d := newDecoder()
		for _, m := range [][]byte{first, second} {
			e, err := d.decode(m)
			if err != nil {
				require.Equal(t, event{}, e)
				continue
			}
			switch e.kind {
			case begin:
				other, err := pglogrepl.Parse(m)
				require.NoError(t, err)
				require.Equal(t, e.xid, other.(*pglogrepl.BeginMessage).Xid)
			case commit:
				other, err := pglogrepl.Parse(m)
				require.NoError(t, err)
				require.Equal(t, e.end, other.(*pglogrepl.CommitMessage).TransactionEndLSN)
			case row:
				require.Len(t, e.id, 36)
			}
		}
		require.LessOrEqual(t, len(d.relations), 2)
	})
}
