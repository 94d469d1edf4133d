package feed

import (
	"errors"
)

// ErrNoTriggers is returned by TriggersOn and SetTriggers when the database lacks
// the triggers that the migrations make.
var ErrNoTriggers = errors.New("the triggers are missing; run `tasksync migrate up`")

// errTriggersOff is returned by Feed.verify in mode auto: the triggers are
// disabled, so a session would hear of no row.
var errTriggersOff = errors.New("the triggers are off")
