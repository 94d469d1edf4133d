package task

import (
	"fmt"
	"strconv"
	"strings"
)

// v1Word stands in place of the task type in the placeholders of the V1 API.
const v1Word = "clip"

// PlaceholderNumber reports whether clipID is a placeholder, the id that an
// application gives to a clip before the provider has. position says for which
// result of the task it stands, counted from 0; -1: for none. Placeholders of V1
// (…-clip-1) count from 1, those of V2, which name a task type of hs
// (…-extend-0), from 0.
func (hs Handlers) PlaceholderNumber(clipID string) (position int, ok bool) {
	rest := strings.TrimRight(clipID, "0123456789")
	digits := clipID[len(rest):]
	rest, dashed := strings.CutSuffix(rest, "-")
	if digits == "" || !dashed {
		return -1, false
	}
	v2 := hs.nameSuffixOf(rest)
	v1 := !v2 && strings.HasSuffix(rest, "-"+v1Word) // a program may have a type with such an end
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

// nameSuffixOf reports whether text ends in a dash and a task type.
func (hs Handlers) nameSuffixOf(text string) bool {
	for t := range hs {
		if t != "" && strings.HasSuffix(text, "-"+string(t)) {
			return true
		}
	}
	return false
}

// PlaceholderID returns the clip id for a result without an id of the
// provider's.
func PlaceholderID(taskID string, t Type, position int) string {
	return fmt.Sprintf("%s-%s-%d", taskID, t, position)
}

func (hs Handlers) isPlaceholder(clipID string) bool {
	_, ok := hs.PlaceholderNumber(clipID)
	return ok
}

// isNamed reports whether c has an id of the provider's.
func (hs Handlers) isNamed(c Clip) bool { return c.ClipID != "" && !hs.isPlaceholder(c.ClipID) }
