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
	if len(clips) == 0 {
		return
	}
	prefix := withoutNumber(clips[0].ClipID)
	number := func(c Clip) int {
		n, err := strconv.Atoi(c.ClipID[len(prefix):])
		if err != nil {
			return -1
		}
		return n
	}
	for _, c := range clips {
		if withoutNumber(c.ClipID) != prefix || number(c) < 0 {
			return
		}
	}
	slices.SortStableFunc(clips, func(a, b Clip) int { return cmp.Compare(number(a), number(b)) })
}

// withoutNumber returns the part of a clip id before its number; if it does not end in
// a dash and a number, the whole.
func withoutNumber(clipID string) string {
	prefix := strings.TrimRight(clipID, "0123456789")
	if !strings.HasSuffix(prefix, "-") {
		return clipID
	}
	return prefix
}
