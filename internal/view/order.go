package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// orderPlaceholders orders clips that are all placeholders of one task by their
// numbers. Other clips stay in the order of their created_at, which tasksync sets so
// when it fills placeholders.
func orderPlaceholders(clips []Clip) {
	of := func(c Clip) (prefix string, n int) {
		prefix = strings.TrimRight(c.ClipID, "0123456789")
		n, err := strconv.Atoi(c.ClipID[len(prefix):])
		if err != nil || !strings.HasSuffix(prefix, "-") {
			return "", 0
		}
		return prefix, n
	}
	for _, c := range clips {
		first, _ := of(clips[0])
		if prefix, _ := of(c); prefix == "" || prefix != first {
			return
		}
	}
	slices.SortStableFunc(clips, func(a, b Clip) int {
		_, x := of(a)
		_, y := of(b)
		return cmp.Compare(x, y)
	})
}
