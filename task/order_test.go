package task

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShifts(t *testing.T) {
	t.Parallel()
	const ms, us = time.Millisecond, time.Microsecond
	at := time.Date(2026, 1, 2, 3, 4, 5, 123_456_000, time.UTC)
	whole := at.Truncate(time.Millisecond)
	clip := func(id, clipID string, at time.Time) Clip { return Clip{ID: id, ClipID: clipID, CreatedAt: at} }
	items := []Item{{ID: "x"}, {ID: "y"}, {}}
	for name, c := range map[string]struct {
		clips []Clip
		want  map[string]time.Duration
	}{
		"none":                       {nil, nil},
		"one":                        {[]Clip{clip("a", "x", at)}, nil},
		"apart":                      {[]Clip{clip("a", "t-extend-0", at), clip("b", "t-extend-1", at.Add(us))}, nil},
		"one statement":              {[]Clip{clip("b", "t-extend-1", at), clip("a", "t-extend-0", at)}, map[string]time.Duration{"b": us}},
		"V1 counts from 1":           {[]Clip{clip("b", "t-clip-10", at), clip("a", "t-clip-2", at)}, map[string]time.Duration{"b": us}},
		"whole milliseconds":         {[]Clip{clip("a", "t-extend-0", whole), clip("b", "t-extend-1", whole)}, map[string]time.Duration{"b": ms}},
		"side by side":               {[]Clip{clip("b", "t-extend-1", at), clip("a", "t-extend-0", at.Add(5*ms))}, map[string]time.Duration{"b": 5*ms + us}},
		"three":                      {[]Clip{clip("c", "t-extend-2", at), clip("b", "t-extend-1", at), clip("a", "t-extend-0", at)}, map[string]time.Duration{"b": us, "c": 2 * us}},
		"named, of one time":         {[]Clip{clip("b", "y", at), clip("a", "x", at)}, map[string]time.Duration{"b": us}},
		"named, in order of arrival": {[]Clip{clip("b", "y", at), clip("a", "x", at.Add(ms))}, nil},
		"one is named":               {[]Clip{clip("b", "t-extend-1", at), clip("a", "x", at)}, map[string]time.Duration{"b": us}},
		"one is unknown":             {[]Clip{clip("a", "x", at), clip("b", "z", at)}, nil},
		"no time":                    {[]Clip{clip("a", "x", time.Time{}), clip("b", "y", time.Time{})}, nil},
		"new ones have no row":       {[]Clip{clip("", "x", at), clip("", "y", at)}, nil},
	} {
		before := append([]Clip(nil), c.clips...)
		require.Equal(t, c.want, DefaultHandlers().Shifts(c.clips, items), name)
		require.Equal(t, before, c.clips, name)
	}
}
