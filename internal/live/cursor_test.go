package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// hostile holds texts that are no snapshot.
var hostile = []string{
	" ", ":", "::", "x", "0", "1", "1:2", "1:2:3:4", "0:1:", "1:0:", "2:1:", "-1:5:", "+1:5:", "01:5:", " 1:5:", "1 :5:", "1:5: ",
	"1:5:0", "2:5:1", "1:5:5", "1:5:6", "1:5:3,2", "1:5:2,2", "1:5:2,", "1:5:,2", "1:5:,", "1:5:2;3", "1:5:x", "1:5:1e1", "0x1:5:",
	"1:18446744073709551616:", "99999999999999999999:99999999999999999999:", "1:5:99999999999999999999", "1:5:٣", "1:5:\x00", "1:5:'",
	"1:5:2\n", "4294967296:4294967296:", "4294967296:4294967301:", "5:4294967296:", "5:4294967301:6,4294967296", "8589934592:8589934593:", "'; DROP TABLE tasksync.generation_events; --", "\xff\xfe", "1:5:2,3,", "null", "{}", "1:5:2--",
}

func TestParseCursorRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range hostile {
		_, ok := parseCursor(text)
		require.False(t, ok, "%q", text)
	}
}

func TestParseCursorTakes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1:1:", "10:20:", "10:20:10", "10:20:10,15,19", "18446744073709551615:18446744073709551615:"} {
		c, ok := parseCursor(text)
		require.True(t, ok, text)
		require.Equal(t, text, c.text)
	}
}

// TestCursorAgreesWithPostgres has Postgres parse accepted texts too, and say
// whether transactions around them had ended.
func TestCursorAgreesWithPostgres(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		c, ok := parseCursor(randomSnapshot(random))
		require.True(t, ok)
		var text, visible []string
		var ours []string
		for xid := c.xmin - 1; xid <= c.xmax+1; xid++ {
			text = append(text, strconv.FormatUint(xid, 10))
			if c.sees(xid) {
				ours = append(ours, strconv.FormatUint(xid, 10))
			}
		}
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT array_agg(xid ORDER BY n) FROM unnest($1::text[]) WITH ORDINALITY AS u (xid, n)
			WHERE pg_visible_in_snapshot(xid::xid8, $2::text::pg_snapshot)`, text, c.text).Scan(&visible), c.text)
		require.Equal(t, visible, ours, c.text)
	}
}

func randomSnapshot(random *rand.Rand) string {
	xmin := 2 + random.Uint64N(1000)
	xmax := xmin + random.Uint64N(50)
	var xip []string
	for xid := xmin; xid < xmax; xid++ {
		if random.IntN(3) == 0 {
			xip = append(xip, strconv.FormatUint(xid, 10))
		}
	}
	return fmt.Sprintf("%d:%d:%s", xmin, xmax, strings.Join(xip, ","))
}

// FuzzParseCursor: an accepted text is a snapshot, written as Postgres writes it, and
// Postgres accepts it.
func FuzzParseCursor(f *testing.F) {
	pool := postgrestest.Pool(f)
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("10:20:10,15,19")
	f.Add("1:1:")
	f.Add("4294967295:4294967297:4294967295")
	f.Add("5:8589934593:4294967297,4294967299")
	f.Add("18446744073709551615:18446744073709551615:")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseCursor(text)
		if !ok {
			return
		}
		xip := make([]string, len(c.xip))
		for i, xid := range c.xip {
			xip[i] = strconv.FormatUint(xid, 10)
			require.True(t, c.xmin <= xid && xid < c.xmax)
			require.False(t, c.sees(xid))
		}
		require.True(t, 0 < c.xmin && c.xmin <= c.xmax)
		require.True(t, slices.IsSorted(c.xip))
		require.Equal(t, text, fmt.Sprintf("%d:%d:%s", c.xmin, c.xmax, strings.Join(xip, ",")))
		var theirs string
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT $1::text::pg_snapshot::text`, text).Scan(&theirs))
		require.Equal(t, text, theirs)
	})
}
