package task

import (
	"fmt"
	"strconv"
	"strings"
)

// v1Word stands in place of the task type in the placeholders of the V1 API.
const v1Word = "clip"

// PlaceholderNumber reports whether clipID is a placeholder: an id that stands for
// the provider's until that is known. position is the position of the result that
// the placeholder stands for, counted from 0; -1: it stands for none. Placeholders
// of V1 (…-clip-1) count from 1. Those of V2 name a task type of hs (…-extend-0)
// and count from 0.
func (hs Handlers) PlaceholderNumber(clipID string) (position int, ok bool) {
	rest := strings.TrimRight(clipID, "0123456789")
	digits := clipID[len(rest):]
	rest, dashed := strings.CutSuffix(rest, "-")
	if digits == "" || !dashed {
		return -1, false
	}
	v2 := hs.endsInType(rest)
	v1 := !v2 && strings.HasSuffix(rest, "-"+v1Word) // a type of hs may end in "-clip" too
	if !v1 && !v2 {
		return -1, false
	}
	n, err := strconv.Atoi(digits)
	switch {
	case err != nil:
		return -1, true
	case v1:
		return n - 1, true
	default:
		return n, true
	}
}

// endsInType reports whether text ends in a dash and a task type of hs.
func (hs Handlers) endsInType(text string) bool {
	for t := range hs {
		if t != "" && strings.HasSuffix(text, "-"+string(t)) {
			return true
		}
	}
	return false
}

// PlaceholderID returns the clip id for a result that the provider gave no id.
func PlaceholderID(taskID string, t Type, position int) string {
	return fmt.Sprintf("%s-%s-%d", taskID, t, position)
}

func (hs Handlers) isPlaceholder(clipID string) bool {
	_, ok := hs.PlaceholderNumber(clipID)
	return ok
}

// isNamed reports whether c has an id of the provider's.
func (hs Handlers) isNamed(c Clip) bool { return c.ClipID != "" && !hs.isPlaceholder(c.ClipID) }
