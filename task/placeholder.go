package task

import (
	"fmt"
	"regexp"
	"strconv"
)

var placeholderPattern = regexp.MustCompile(`-(clip|extend|lyrics|generate|replace|merge)-(\d+)$`)

// PlaceholderNumber tells whether clipID is a placeholder, which an application
// inserts before the provider has named its clips, and for which result of the
// task it stands, counted from 0; -1 if for none. V1 placeholders (…-clip-1)
// count from 1, V2 ones (…-extend-0) from 0.
func PlaceholderNumber(clipID string) (position int, ok bool) {
	m := placeholderPattern.FindStringSubmatch(clipID)
	if m == nil {
		return -1, false
	}
	n, err := strconv.Atoi(m[2])
	switch {
	case err != nil:
		return -1, true
	case m[1] == "clip":
		return n - 1, true
	default:
		return n, true
	}
}

// PlaceholderID is the clip id of a result that the provider gives none.
func PlaceholderID(taskID string, t Type, position int) string {
	return fmt.Sprintf("%s-%s-%d", taskID, t, position)
}

func isPlaceholder(clipID string) bool { return placeholderPattern.MatchString(clipID) }
